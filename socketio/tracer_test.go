package socketio

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

type tracerKey struct{}

// A noter has everything in one trace, and notes the order in which things happen.
type noter struct{ noted []string }

func (n *noter) Handle(ctx context.Context, e *Event, next func(context.Context) error) error {
	n.noted = append(n.noted, "begin "+e.Name())
	err := next(context.WithValue(ctx, tracerKey{}, "trace of "+e.Name()))
	n.noted = append(n.noted, "end "+e.Name())
	if err != nil {
		n.noted = append(n.noted, err.Error())
	}
	return err
}

func (*noter) Carry(ctx context.Context) string {
	carried, _ := ctx.Value(tracerKey{}).(string)
	return carried
}

func (n *noter) Arrived(_ *Namespace, operation, carried string) func() {
	n.noted = append(n.noted, operation+" "+carried)
	return func() {}
}

// A Tracer is round everything that handles an event, and its context is that of all of it.
func TestATracerIsAroundAllHandlers(t *testing.T) {
	n := new(noter)
	srv := newServer(Options{Tracer: n})
	seen := func(what string, ctx context.Context) {
		if ctx.Value(tracerKey{}) != "trace of say" {
			what += " without its context"
		}
		n.noted = append(n.noted, what)
	}
	done := make(chan struct{})
	srv.OnAny(func(e *Event) error { seen("any", e.Context()); return nil })
	srv.UseEvents(func(ctx context.Context, _ *Event, next func(context.Context) error) error {
		seen("middleware", ctx)
		return next(ctx)
	})
	On(srv, "say", func(ctx context.Context, _ *Socket, _ string) error {
		seen("handler", ctx)
		return errors.New("failed")
	})
	srv.opts.OnEvent = func(*Namespace, string, time.Duration) { close(done) }
	c := srv.newConn(&sink{})
	c.OnMessage([]byte("0"), false)
	c.OnMessage([]byte(`2["say","hello"]`), false)
	<-done
	want := []string{"begin say", "any", "middleware", "handler", "end say", "failed"}
	if !slices.Equal(n.noted, want) {
		t.Errorf("got %q, want %q", n.noted, want)
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is emitted in a context carries its trace to the adapter, and nothing does without a Tracer.
func TestAnEmitCarriesItsTrace(t *testing.T) {
	ctx := context.WithValue(t.Context(), tracerKey{}, "trace")
	for _, traced := range []bool{true, false} {
		opts, want := Options{}, ""
		if traced {
			opts.Tracer, want = new(noter), "trace"
		}
		var got []string
		opts.Adapter = func(ns *Namespace) Adapter { return &eavesdropper{NewMemoryAdapter(ns), &got} }
		srv := newServer(opts)
		if err := srv.WithContext(ctx).To("room").Emit("said"); err != nil {
			t.Fatal(err)
		}
		if _, err := srv.To("room").FetchSockets(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := srv.To("room").EmitWithAck(ctx, "ask"); err != nil {
			t.Fatal(err)
		}
		if err := srv.To("room").Emit("said"); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, []string{want, want, want, ""}) {
			t.Errorf("traced %v: the adapter got %q", traced, got)
		}
		srv.Of("/").Arrived("deliver", want)()
	}
}

// An eavesdropper keeps the traces of what it is given.
type eavesdropper struct {
	*MemoryAdapter
	got *[]string
}

func (a *eavesdropper) Broadcast(p *Packet, opts BroadcastOptions) error {
	*a.got = append(*a.got, opts.Trace)
	return a.MemoryAdapter.Broadcast(p, opts)
}

func (a *eavesdropper) BroadcastWithAck(ctx context.Context, p *Packet, opts BroadcastOptions, count func(int),
	reply func(Args, error)) error {
	*a.got = append(*a.got, opts.Trace)
	return a.MemoryAdapter.BroadcastWithAck(ctx, p, opts, count, reply)
}

func (a *eavesdropper) FetchSockets(ctx context.Context, opts BroadcastOptions) ([]*RemoteSocket, error) {
	*a.got = append(*a.got, opts.Trace)
	return a.MemoryAdapter.FetchSockets(ctx, opts)
}
