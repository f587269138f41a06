package adaptertest

// Answers that are too long for one message.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/internal/testclient"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// many is how many sockets there are, of largeData bytes each: what each of two servers has is over 500 KB, and no
// message should be so long.
const (
	many      = 130
	largeData = 8 << 10
)

// testPages asks for many sockets while others come and go: whoever is there all the time is found once.
func testPages(t *testing.T, start Start) {
	f := newFixture(t, start, "/")
	ids := f.fill(t, 1, 2)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				testclient.Dial(t, f.servers[i%len(f.servers)].url, "/").Close()
			}
		}
	}()
	for range 2 {
		sockets, err := f.ns(0).To("many").FetchSockets(t.Context())
		f.found(t, "FetchSockets in a room", ids, socketIDs(sockets), true, err)
		sockets, err = f.ns(0).FetchSockets(t.Context())
		f.found(t, "FetchSockets", ids, socketIDs(sockets), false, err)
		got, err := f.ns(0).Adapter().Sockets(t.Context())
		f.found(t, "Sockets", ids, got, false, err)
		if lister, ok := f.ns(0).Adapter().(socketio.RoomLister); ok {
			got, err = lister.AllRooms(t.Context())
			f.found(t, "AllRooms", ids, got, false, err)
		}
	}
	close(stop)
	<-done
	f.check(t)
}

// fill connects many clients to servers, puts their sockets into a room, and returns their ids.
func (f *fixture) fill(t *testing.T, servers ...int) []string {
	t.Helper()
	data := map[string]string{"large": strings.Repeat("x", largeData)}
	ids := make([]string, many)
	for i := range ids {
		server := servers[i%len(servers)] % len(f.servers)
		ids[i] = testclient.Dial(t, f.servers[server].url, f.namespace).ID
		s := f.ns(server).Socket(ids[i])
		s.SetData(data)
		s.Join("many")
	}
	f.settle(t)
	return ids
}

func socketIDs(sockets []*socketio.RemoteSocket) []string {
	ids := make([]string, len(sockets))
	for i, s := range sockets {
		ids[i] = s.ID()
		if len(s.Data().JSON()) < largeData && slices.Contains(s.Rooms(), "many") {
			ids[i] += ", without its data"
		}
	}
	return ids
}

// found fails the test unless each of ids has been found once, and, where no others may be, nothing else.
func (f *fixture) found(t *testing.T, what string, ids, got []string, only bool, err error) {
	t.Helper()
	times := make(map[string]int, len(got))
	for _, id := range got {
		times[id]++
	}
	wrong := 0
	for _, id := range ids {
		if times[id] != 1 {
			wrong++
		}
	}
	if err != nil || wrong > 0 || only && len(got) != len(ids) {
		t.Errorf("%s: %d found, %d of %d not once, %v", what, len(got), wrong, len(ids), err)
	}
}

// testPagesEnd has a server go when it has sent its first page: what it has sent is found, and is said not to be all.
func testPagesEnd(t *testing.T, start Start) {
	leaver := &leaver{}
	f := newTracedFixture(t, start, "/", leaver)
	if len(f.servers) < 3 {
		return
	}
	f.fill(t, 1)
	leaver.leaves.Store(f.ns(1))
	sockets, err := f.ns(0).To("many").FetchSockets(context.WithValue(t.Context(), traced{}, true))
	var incomplete *socketio.IncompleteError
	if !errors.As(err, &incomplete) || incomplete.Answered != 1 || incomplete.Missing != 1 {
		t.Errorf("%v, want one answer, and one that is missing", err)
	}
	if n := len(sockets); n == 0 || n >= many {
		t.Errorf("%d of %d sockets", n, many)
	}
}

// A leaver is a Tracer that has one namespace's server leave the cluster when it has answered a request.
type leaver struct {
	leaves atomic.Pointer[socketio.Namespace]
	once   sync.Once
}

type traced struct{}

func (*leaver) Handle(ctx context.Context, _ *socketio.Event, next func(context.Context) error) error {
	return next(ctx)
}

func (*leaver) Carry(ctx context.Context) string {
	if ctx.Value(traced{}) != nil {
		return "traced"
	}
	return ""
}

func (l *leaver) Arrived(ns *socketio.Namespace, _, _ string) (done func()) {
	if ns != l.leaves.Load() {
		return func() {}
	}
	return func() { l.once.Do(func() { _ = ns.Adapter().Close(context.Background()) }) }
}
