package emitter_test

// What a program is told when Redis does not take what it says.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/emitter"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// A listener hears what is published to the namespace "/".
func listen(t *testing.T, r *fleet.Redis) <-chan *redis.Message {
	t.Helper()
	sub := client(t, r).PSubscribe(t.Context(), "socket.io#/#*")
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sub.Close() })
	return sub.Channel(redis.WithChannelSize(1 << 14))
}

func expectSilence(t *testing.T, heard <-chan *redis.Message) {
	t.Helper()
	select {
	case m := <-heard:
		t.Errorf("%q is published too", m.Payload)
	case <-time.After(50 * time.Millisecond):
	}
}

func TestRedisIsAway(t *testing.T) {
	r := fleet.StartRedis(t)
	e := emitter.New(client(t, r), emitter.Options{})
	r.Kill()
	start := time.Now()
	err := e.Emit(t.Context(), "lost")
	if err == nil || errors.Is(err, emitter.ErrMaybeTaken) {
		t.Errorf("Redis is not there: %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("that took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start = time.Now()
	if err := e.Emit(ctx, "lost"); err == nil {
		t.Error("nothing is said about a Redis that is not there")
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("a call with 50 ms took %v", took)
	}
}

func TestContextHasEnded(t *testing.T) {
	r := fleet.StartRedis(t)
	heard := listen(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := emitter.New(client(t, r), emitter.Options{}).Emit(ctx, "late")
	if !errors.Is(err, context.Canceled) || errors.Is(err, emitter.ErrMaybeTaken) {
		t.Errorf("%v", err)
	}
	expectSilence(t, heard)
}

// A Redis that has restarted since the last call, or does so now, is no error.
func TestRedisRestarts(t *testing.T) {
	r := fleet.StartRedis(t)
	e := emitter.New(client(t, r), emitter.Options{})
	if err := e.Emit(t.Context(), "before"); err != nil {
		t.Fatal(err)
	}
	r.Restart()
	if err := e.Emit(t.Context(), "behind"); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	r.Kill()
	result := make(chan error)
	go func() { result <- e.Emit(context.WithoutCancel(t.Context()), "during") }()
	r.Restart()
	if err := <-result; err != nil {
		t.Errorf("during a restart: %v", err)
	}
}

// A Redis that does not answer may have taken the message, and here it has: nothing is sent twice.
func TestRedisDoesNotAnswer(t *testing.T) {
	r := fleet.StartRedis(t)
	heard := listen(t, r)
	c := redis.NewClient(&redis.Options{Addr: r.Addr, ReadTimeout: 200 * time.Millisecond, MaxRetries: 5})
	t.Cleanup(func() { c.Close() })
	e := emitter.New(c, emitter.Options{})
	if err := e.Emit(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	<-heard
	r.Freeze()
	err := e.Emit(t.Context(), "perhaps")
	r.Thaw()
	if !errors.Is(err, emitter.ErrMaybeTaken) {
		t.Errorf("%v", err)
	}
	if m := <-heard; !strings.Contains(m.Payload, "perhaps") {
		t.Errorf("%q is published", m.Payload)
	}
	expectSilence(t, heard)
}

func TestRedisHasNoMemory(t *testing.T) {
	r := fleet.StartRedis(t)
	e := emitter.New(client(t, r), emitter.Options{Protocol: emitter.Streams})
	r.Do("CONFIG", "SET", "maxmemory", "1")
	err := e.Emit(t.Context(), "full")
	if err == nil || errors.Is(err, emitter.ErrMaybeTaken) || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeSaid(t *testing.T) {
	r := fleet.StartRedis(t)
	heard := listen(t, r)
	c := client(t, r)
	e := emitter.New(c, emitter.Options{})
	for name, err := range map[string]error{
		"a reserved event":              e.Emit(t.Context(), "disconnect"),
		"a reserved server-side event":  e.ServerSideEmit(t.Context(), "connection"),
		"an argument that is no JSON":   e.Emit(t.Context(), "ev", func() {}),
		"a protocol that there is none": emitter.New(c, emitter.Options{Protocol: "smoke"}).Emit(t.Context(), "ev"),
	} {
		if err == nil || strings.HasPrefix(name, "a reserved") != errors.Is(err, emitter.ErrReservedEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	expectSilence(t, heard)
}

// Many messages in one go keep their order.
func TestPipelined(t *testing.T) {
	r := fleet.StartRedis(t)
	heard := listen(t, r)
	e := emitter.New(client(t, r), emitter.Options{}).To("room")
	const n = 3000
	var kept emitter.Emitter
	taken, err := e.Pipelined(t.Context(), func(e emitter.Emitter) error {
		kept = e
		for i := range n {
			if err := e.Emit(t.Context(), fmt.Sprintf("event %d.", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if taken != n || err != nil {
		t.Fatalf("%d taken, %v", taken, err)
	}
	for i := range n {
		if m := <-heard; !strings.Contains(m.Payload, fmt.Sprintf("event %d.", i)) {
			t.Fatalf("message %d is %q", i, m.Payload)
		}
	}
	if err := kept.Emit(t.Context(), "late"); err == nil {
		t.Error("an Emitter that was kept gathers what nobody sends")
	}
	failed := errors.New("changed my mind")
	taken, err = e.Pipelined(t.Context(), func(e emitter.Emitter) error {
		return errors.Join(e.Emit(t.Context(), "not sent"), failed)
	})
	if taken != 0 || !errors.Is(err, failed) {
		t.Errorf("%d taken, %v", taken, err)
	}
	r.Kill()
	taken, err = e.Pipelined(t.Context(), func(e emitter.Emitter) error { return e.Emit(t.Context(), "lost") })
	if taken != 0 || err == nil {
		t.Errorf("Redis is away: %d taken, %v", taken, err)
	}
	expectSilence(t, heard)
}

// An Emitter is a value: a selection that is narrowed leaves the one it was made of as it was.
func TestSelectionsAreValues(t *testing.T) {
	r := fleet.StartRedis(t)
	m := r.Monitor()
	e := emitter.New(client(t, r), emitter.Options{Protocol: emitter.Sharded}).To("a")
	_, _, _ = e.To("b").Volatile(), e.Except("c").Compress(false), e.Of("chat")
	if err := e.To("d").Emit(t.Context(), "ev"); err != nil {
		t.Fatal(err)
	}
	const want = `{"uid":"emitter","nsp":"/","type":3,"data":{"packet":{"type":2,"data":["ev"],"nsp":"/"},` +
		`"opts":{"rooms":["a","d"],"flags":{},"except":[]}}}`
	if got := heard(t, m); strings.Join(got, " ") != "spublish socket.io#/# "+want {
		t.Errorf("%q", got)
	}
}
