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
