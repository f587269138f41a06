package presence_test

// Faults of NATS, against the ledger.

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

// newNATSSite is three servers on a cluster of so many NATS servers, each behind a proxy of its own; with one NATS
// server there is no other way to that.
func newNATSSite(t *testing.T, natsServers int) *site {
	t.Helper()
	s := &site{ledger: newLedger(t)}
	o := natsserver.Options{JetStream: true}
	if natsServers == 1 {
		s.nats = []*natsserver.Server{natsserver.Start(t, o)}
	} else {
		s.nats = natsserver.StartCluster(t, natsServers, o)
	}
	for i := range 3 {
		url := ""
		if natsServers == 1 {
			s.proxies = append(s.proxies, fleet.StartProxy(t, s.nats[0].Addr))
			url = "nats://" + s.proxies[i].Addr
		} else {
			var urls []string
			for j := range natsServers {
				urls = append(urls, s.nats[(i+j)%natsServers].URL())
			}
			url = strings.Join(urls, ",")
		}
		s.add(fmt.Sprint("server ", i+1), setup{NATS: url})
	}
	return s
}

// NATS dies and comes back; loses everything; or stands out of reach for longer than a lease. Nobody goes offline
// because of that, and who came and went meanwhile is told once.
func TestNATSRestarts(t *testing.T) {
	t.Parallel()
	t.Run("with its data", func(t *testing.T) {
		t.Parallel()
		s := newNATSSite(t, 1)
		s.outage(s.nats[0].Kill, s.nats[0].Restart)
	})
	t.Run("after longer than a lease", func(t *testing.T) {
		t.Parallel()
		s := newNATSSite(t, 1)
		s.outage(s.nats[0].Kill, func() { time.Sleep(childLease * 2); s.nats[0].Restart() })
	})
	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		s := newNATSSite(t, 1)
		s.outage(s.nats[0].Kill, func() {
			s.nats[0].Opts.StoreDir = t.TempDir()
			s.nats[0].Restart()
		})
	})
	t.Run("one of three", func(t *testing.T) {
		t.Parallel()
		s := newNATSSite(t, 3)
		s.outage(s.nats[0].Kill, func() { s.nats[0].Restart(); natsserver.Whole(t, s.nats) })
	})
	t.Run("out of reach", func(t *testing.T) {
		t.Parallel()
		s := newNATSSite(t, 1)
		lose := func(lose bool) {
			for _, p := range s.proxies {
				p.Lose.Store(lose)
			}
		}
		s.outage(func() { lose(true) }, func() { time.Sleep(childLease * 2); lose(false) })
	})
}

// What a new server begins with is a snapshot, as most commands are not in the stream any more.
func TestNATSKeepsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	s := newNATSSite(t, 1)
	for round := range 30 {
		s.crowd(fmt.Sprint("round", round, "-"), 9)
		s.settle("people come")
	}
	conn, err := natsio.Connect(s.nats[0].URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, "socket_2Eio-presence")
	if err != nil {
		t.Fatal(err)
	}
	state := stream.CachedInfo().State
	if state.Msgs > 100 || state.LastSeq-state.FirstSeq > 100 {
		t.Errorf("%+v", state)
	}
	bucket, err := js.Stream(ctx, "KV_socket_2Eio-presence")
	if err != nil {
		t.Fatal(err)
	}
	if state := bucket.CachedInfo().State; state.Msgs > 100 {
		t.Errorf("snapshots: %+v", state)
	}
	s.add("late", setup{NATS: "nats://" + s.proxies[0].Addr})
	victim := s.servers[0]
	victim.kill()
	s.died(victim)
	s.settle("a server is killed")
	s.check()
}
