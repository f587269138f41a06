package nats

// The adapter, put through the suite of package adaptertest, on NATS servers of the test's own.

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	natsio "github.com/nats-io/nats.go"

	"github.com/brunossouza/websocket-escalonavel/adapter/adaptertest"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/recovery"
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// A setting is NATS as a suite has it.
type setting struct {
	t       testing.TB
	servers []*natsserver.Server
	brokers []*Broker
	journal *JetStreamOptions // nil without JetStream
}

var recovering = &socketio.ConnectionStateRecovery{MaxDisconnectionDuration: time.Minute}

// open opens a Broker that is closed with the test.
func open(t testing.TB, urls string, opts Options) *Broker {
	t.Helper()
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	b, err := Open(urls, opts)
	if err != nil {
		t.Fatal(err)
	}
	closeWith(t, b)
	return b
}

func closeWith(t testing.TB, b *Broker) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := b.Close(ctx); err != nil && !strings.Contains(err.Error(), "deadline") {
			t.Errorf("close: %v", err)
		}
	})
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, int) *setting{
		"one server": func(t testing.TB, servers int) *setting {
			s := natsserver.Start(t, natsserver.Options{})
			set := &setting{t: t, servers: []*natsserver.Server{s}}
			for range servers {
				set.brokers = append(set.brokers, open(t, s.URL(), Options{}))
			}
			return set
		},
		"a server that takes 1000 bytes": func(t testing.TB, servers int) *setting {
			s := natsserver.Start(t, natsserver.Options{MaxPayload: 1000})
			set := &setting{t: t, servers: []*natsserver.Server{s}}
			for range servers {
				set.brokers = append(set.brokers, open(t, s.URL(), Options{}))
			}
			return set
		},
		"connections of the program's": func(t testing.TB, servers int) *setting {
			s := natsserver.Start(t, natsserver.Options{})
			set := &setting{t: t, servers: []*natsserver.Server{s}}
			for range servers {
				conn, err := natsio.Connect(s.URL(), natsio.MaxReconnects(-1),
					natsio.ReconnectWait(50*time.Millisecond))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(conn.Close)
				b, err := New(conn, Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
				if err != nil {
					t.Fatal(err)
				}
				closeWith(t, b)
				set.brokers = append(set.brokers, b)
			}
			return set
		},
		"a cluster, one server each": func(t testing.TB, servers int) *setting {
			set := &setting{t: t, servers: natsserver.StartCluster(t, 3, natsserver.Options{})}
			for i := range servers {
				set.brokers = append(set.brokers, open(t, set.servers[i%3].URL(), Options{}))
			}
			return set
		},
		"a server and its leaf node": func(t testing.TB, servers int) *setting {
			return onLeaf(t, servers, natsserver.Options{}, nil)
		},
		"JetStream with recovery on a server and its leaf node": func(t testing.TB, servers int) *setting {
			return onLeaf(t, servers, natsserver.Options{JetStream: true}, &JetStreamOptions{Recovery: recovering})
		},
		"JetStream": func(t testing.TB, servers int) *setting {
			return onJetStream(t, servers, natsserver.Options{}, JetStreamOptions{})
		},
		"JetStream with recovery": func(t testing.TB, servers int) *setting {
			return onJetStream(t, servers, natsserver.Options{}, JetStreamOptions{Recovery: recovering})
		},
		"JetStream with recovery on a server that takes 2000 bytes": func(t testing.TB, servers int) *setting {
			return onJetStream(t, servers, natsserver.Options{MaxPayload: 2000}, JetStreamOptions{Recovery: recovering})
		},
		"JetStream with recovery on a cluster, one server each": func(t testing.TB, servers int) *setting {
			set := &setting{
				t: t, servers: natsserver.StartCluster(t, 3, natsserver.Options{JetStream: true}),
				journal: &JetStreamOptions{Recovery: recovering},
			}
			for i := range servers {
				set.brokers = append(set.brokers, open(t, set.servers[i%3].URL(), Options{}))
			}
			return set
		},
	} {
		t.Run(name, func(t *testing.T) {
			adaptertest.Run(t, func(t testing.TB, servers int) *adaptertest.Cluster {
				return start(t, servers).cluster()
			})
		})
	}
}

func onJetStream(t testing.TB, servers int, o natsserver.Options, j JetStreamOptions) *setting {
	o.JetStream = true
	s := natsserver.Start(t, o)
	set := &setting{t: t, servers: []*natsserver.Server{s}, journal: &j}
	for range servers {
		set.brokers = append(set.brokers, open(t, s.URL(), Options{}))
	}
	return set
}

// onLeaf has every second server on a leaf node.
func onLeaf(t testing.TB, servers int, o natsserver.Options, j *JetStreamOptions) *setting {
	hub, leaf := natsserver.StartLeaf(t, o)
	set := &setting{t: t, servers: []*natsserver.Server{hub, leaf}, journal: j}
	for i := range servers {
		set.brokers = append(set.brokers, open(t, set.servers[i%2].URL(), Options{}))
	}
	return set
}

func (s *setting) cluster() *adaptertest.Cluster {
	c := &adaptertest.Cluster{
		Settled: s.settled, Check: s.check, Malformed: s.malformed, Silent: s.silent,
		Break: func() {
			for _, server := range s.servers {
				server.Kill()
			}
		},
		Mend: func() {
			for _, server := range s.servers {
				server.Restart()
			}
		},
	}
	if s.journal != nil {
		c.AcksUnordered, c.Recovery, c.OffsetLess, c.Settled = true, s.journal.Recovery, recovery.Less, nil
		for _, b := range s.brokers {
			c.Adapters = append(c.Adapters, b.JetStream(*s.journal))
		}
		return c
	}
	for _, b := range s.brokers {
		c.Adapters = append(c.Adapters, b.Adapter())
	}
	return c
}

// check fails the test if a server has counted anything as wrong.
func (s *setting) check(t testing.TB) {
	t.Helper()
	for i, b := range s.brokers {
		if st := b.Stats(); st.Malformed != 0 || st.PublishErrors != 0 || st.Dropped != 0 || st.ReceiveDropped != 0 ||
			st.SlowDropped != 0 || st.Partial != 0 || st.Missed != 0 {
			t.Errorf("server %d: %+v", i, st)
		}
	}
}

// settled waits until the rooms that are subscribed to are exactly those that there are, and every NATS server knows of
// the others' subscriptions.
func (s *setting) settled(t testing.TB, namespaces []*socketio.Namespace) {
	t.Helper()
	token := Token(namespaces[0].Name())
	all, room := "socket.io.all."+token, "socket.io.room."+token+"."
	var want, got map[string]int
	for deadline := time.Now().Add(natsserver.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		want, got = map[string]int{all: len(namespaces)}, map[string]int{}
		for _, ns := range namespaces {
			for _, name := range ns.Adapter().(socketio.RoomIndex).RoomNames() {
				if !wire.LooksLikeSocketID(name) {
					want[room+Token(name)]++
				}
			}
		}
		own := make([]map[string]int, len(s.servers)) // the subscriptions of each server's clients
		for i, server := range s.servers {
			own[i] = map[string]int{}
			for _, subject := range server.Subjects(t) {
				if subject == all || strings.HasPrefix(subject, room) {
					own[i][subject]++
					got[subject]++
				}
			}
		}
		if maps.Equal(want, got) && s.known(own) {
			return
		}
	}
	t.Fatalf("subscriptions: %v, want %v", got, want)
}

// known reports whether every NATS server knows of the subscriptions of the others' clients. Of each other server it
// knows one to a subject.
func (s *setting) known(own []map[string]int) bool {
	for i, server := range s.servers {
		want := maps.Clone(own[i])
		for j := range s.servers {
			for subject := range own[j] {
				if j != i {
					want[subject]++
				}
			}
		}
		for subject, n := range want {
			if server.Subscribers(subject) != n {
				return false
			}
		}
	}
	return true
}

// silent gives the signs of life of a process that has the namespace / and answers nothing.
func (s *setting) silent(t testing.TB) {
	conn, err := natsio.Connect(s.servers[0].URL())
	if err != nil {
		t.Fatal(err)
	}
	const id = "00000000000000ff"
	if _, err := conn.Subscribe("socket.io.ping."+id, func(*natsio.Msg) {}); err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		if err := conn.Publish("socket.io.members", []byte(text)); err != nil {
			t.Error(err)
		}
	}
	say(`{"id":"` + id + `","v":1,"all":["=2F"],"whole":true}`)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(beatEvery):
				say(`{"id":"` + id + `","v":1}`)
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped; conn.Close() })
}

// uid is a server's id in a message.
var uid = regexp.MustCompile(`[0-9a-f]{16}`)

// malformed changes what the servers have said, and publishes it as if from others.
func (s *setting) malformed(t testing.TB) (inject func(*rand.Rand), check func(testing.TB)) {
	conn, err := natsio.Connect(s.servers[0].URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	all := make(chan *natsio.Msg, 10_000)
	sub, err := conn.ChanSubscribe("socket.io.>", all)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	var recorded []*natsio.Msg
	injected := 0
	inject = func(random *rand.Rand) {
		if recorded == nil {
			_ = conn.Flush()
			_ = sub.Unsubscribe()
			for len(all) > 0 {
				recorded = append(recorded, <-all)
			}
			if len(recorded) < 12 {
				t.Fatalf("recorded %d", len(recorded))
			}
		}
		injected++
		m := recorded[random.IntN(len(recorded))]
		data := slices.Clone(m.Data)
		framed := m.Subject != "socket.io.members" && !strings.HasPrefix(m.Subject, "socket.io.log.")
		if framed && len(data) > wholeHeader { // from a process that nobody else is
			for i := range 8 {
				data[1+i] = byte(random.IntN(256))
			}
		}
		if random.IntN(4) > 0 || !framed {
			data = uid.ReplaceAll(data, fmt.Appendf(nil, "%016x", random.Uint64()))
		}
		from := 0
		if framed && random.IntN(2) == 0 && len(data) > wholeHeader {
			from = wholeHeader
		}
		mutated := append(slices.Clone(data[:from]), adaptertest.Mutate(random, data[from:])...)
		if most := s.servers[0].MaxPayload(); most > 0 && len(mutated) > most {
			mutated = mutated[:most]
		}
		if err := conn.Publish(m.Subject, mutated); err != nil {
			t.Fatal(err)
		}
		if injected%100 == 0 { // what the suite then says itself comes behind them
			if err := conn.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	check = func(t testing.TB) {
		for i, b := range s.brokers {
			if st := b.Stats(); st.Malformed < int64(injected/10) || st.Connects != 1 || st.ReceiveDropped != 0 {
				t.Errorf("server %d: %d injected, %+v", i, injected, st)
			}
		}
	}
	return inject, check
}
