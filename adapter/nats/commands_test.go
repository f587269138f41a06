package nats

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// Who begins to follow a log knows what there is when he is told that commands come, and not a part of it.
func TestCommandsThatWereThereComeFirst(t *testing.T) {
	const there = 500
	s := natsserver.Start(t, natsserver.Options{JetStream: true})
	writer := open(t, s.URL(), Options{}).Commands("test")
	ctx, cancel := context.WithTimeout(t.Context(), natsserver.Patience)
	defer cancel()
	for range there {
		for writer.Append(ctx, []byte("x")) != nil { // there is no connection yet
			if ctx.Err() != nil {
				t.Fatal("no command is taken")
			}
			time.Sleep(time.Millisecond)
		}
	}
	var applied, known atomic.Int64
	following, ended := make(chan bool, 1), make(chan struct{})
	reader := open(t, s.URL(), Options{}).Commands("test")
	go func() {
		defer close(ended)
		reader.Follow(ctx,
			func([]byte) error { return nil },
			func(uint64, time.Time, []byte) { applied.Add(1) },
			func(yes bool) {
				if yes && known.CompareAndSwap(0, applied.Load()) {
					following <- true
				}
			})
	}()
	select {
	case <-following:
	case <-ctx.Done():
		t.Fatal("no commands come")
	}
	if n := known.Load(); n != there {
		t.Errorf("told after %d of %d commands", n, there)
	}
	cancel()
	<-ended
}

// A server that has not noticed yet that the stream is another saves no snapshot of what was in the one before, which
// may still have the bucket: servers that restore it would know what the others have forgotten.
func TestASnapshotOfALostStreamIsNotSaved(t *testing.T) {
	s := natsserver.Start(t, natsserver.Options{JetStream: true})
	c := open(t, s.URL(), Options{}).Commands("test")
	ctx, cancel := context.WithTimeout(t.Context(), natsserver.Patience)
	defer cancel()
	add := func() (last uint64) {
		t.Helper()
		for c.Append(ctx, []byte("x")) != nil { // there is no connection yet, or no stream
			if ctx.Err() != nil {
				t.Fatal("no command is taken")
			}
			time.Sleep(time.Millisecond)
		}
		stream, err := c.js.Stream(ctx, c.name)
		if err != nil {
			t.Fatal(err)
		}
		return stream.CachedInfo().State.LastSeq
	}
	first := add()
	if err := c.Save(ctx, first, []byte("first")); err != nil {
		t.Fatal(err)
	}
	lost := add()
	if err := c.js.DeleteStream(ctx, c.name); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(ctx, lost, []byte("lost")); err == nil {
		t.Error("a snapshot is saved where there is no stream")
	}
	anew := add()
	if err := c.Save(ctx, lost, []byte("lost")); err == nil {
		t.Error("a snapshot of the stream before is saved")
	}
	if _, snapshot, err := c.load(ctx); string(snapshot) != "first" {
		t.Errorf("%q is there, %v", snapshot, err)
	}
	if err := c.Save(ctx, anew, []byte("anew")); err != nil {
		t.Error(err)
	}
	if _, snapshot, err := c.load(ctx); string(snapshot) != "anew" {
		t.Errorf("%q is there, %v", snapshot, err)
	}
}
