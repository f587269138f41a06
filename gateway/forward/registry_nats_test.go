package forward

// The registry in NATS: what is in it, and what its outages do.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/brunossouza/websocket-escalonavel/test/natsserver"
)

func connectTo(t testing.TB, s *natsserver.Server) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(s.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// inNATS is the registry in a NATS, with a connection of its own.
func inNATS(t testing.TB, s *natsserver.Server) Registry {
	t.Helper()
	g, err := NewNATSRegistry(connectTo(t, s), "socket.io")
	if err != nil {
		t.Fatal(err)
	}
	if g.bucket != "socket_2Eio-nodes" {
		t.Errorf("the bucket is %s", g.bucket)
	}
	t.Cleanup(g.Close)
	// A cluster takes a while to agree on who leads.
	until(t, "the registry can be used", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), roundTimeout)
		defer cancel()
		_, err := g.Exchange(ctx, "", nil)
		return err == nil
	})
	return g
}

// keysIn are the tags that are registered.
func keysIn(t *testing.T, s *natsserver.Server) []string {
	t.Helper()
	js, err := jetstream.New(connectTo(t, s))
	if err != nil {
		t.Fatal(err)
	}
	store, err := js.KeyValue(t.Context(), "socket_2Eio-nodes")
	if err != nil {
		return nil
	}
	keys, err := store.Keys(t.Context())
	if err != nil && !errors.Is(err, jetstream.ErrNoKeysFound) {
		t.Fatal(err)
	}
	return keys
}

// A node that has left is out of the registry; a record that nobody renews expires, and the copies are as many as the
// servers allow.
func TestRegistrationInNATS(t *testing.T) {
	t.Parallel()
	s := natsserver.Start(t, natsserver.Options{JetStream: true})
	m := joinAll(t, 2, func() Registry { return inNATS(t, s) })
	if keys := keysIn(t, s); len(keys) != 2 {
		t.Errorf("registered: %q", keys)
	}
	sid := m[1].open(t)
	if got := m[0].request(t, "POST", target("polling", sid), "4x"); got.Code != 200 {
		t.Errorf("a session of the other: %d %q", got.Code, got.Body)
	}
	m[0].stop()
	if err := m[0].Close(t.Context()); err != nil {
		t.Error(err)
	}
	if keys := keysIn(t, s); len(keys) != 1 || keys[0] != m[1].tag {
		t.Errorf("left: %q", keys)
	}
	registry := inNATS(t, s)
	began := time.Now()
	if _, err := registry.Exchange(t.Context(), "expired1", &Record{Address: "10.0.0.1:1", Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if n := len(keysIn(t, s)); n != 2 {
		t.Errorf("%d are registered", n)
	}
	until(t, "a record that is not renewed expires", func() bool { return len(keysIn(t, s)) == 1 })
	if took := time.Since(began); took < RecordLifetime-time.Second {
		t.Errorf("it has expired after %v", took)
	}
	found, err := registry.Exchange(t.Context(), "other000", nil)
	if err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
}

// NATS is started anew, without what it had in memory: sessions of nodes that are known go on, and the nodes register
// again.
func TestNATSForgets(t *testing.T) {
	t.Parallel()
	s := natsserver.Start(t, natsserver.Options{JetStream: true})
	m := joinAll(t, 2, func() Registry { return inNATS(t, s) })
	sid := m[1].open(t)
	s.Kill()
	for i := range 3 {
		if got := m[0].request(t, "POST", target("polling", sid), "4x"); got.Code != 200 {
			t.Fatalf("without NATS: got %d %q", got.Code, got.Body)
		}
		expectUnknown(t, "of no node", m[0].request(t, "GET", target("polling", fmt.Sprintf("%030d", i)), ""))
	}
	s.Restart()
	until(t, "both are registered again", func() bool { return len(keysIn(t, s)) == 2 })
	if got := m[0].request(t, "GET", target("polling", sid), ""); got.Code != 200 {
		t.Errorf("got %d %q", got.Code, got.Body)
	}
	third := join(t, inNATS(t, s))
	third.await(t, 2)
}

// One of three NATS servers is killed: the registry goes on, with nodes that come now too.
func TestNATSServerDies(t *testing.T) {
	t.Parallel()
	servers := natsserver.StartCluster(t, 3, natsserver.Options{JetStream: true})
	i := 0
	m := joinAll(t, 2, func() Registry { i++; return inNATS(t, servers[i]) })
	js, err := jetstream.New(connectTo(t, servers[1]))
	if err != nil {
		t.Fatal(err)
	}
	store, err := js.KeyValue(t.Context(), "socket_2Eio-nodes")
	if err != nil {
		t.Fatal(err)
	}
	status, err := store.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := status.(*jetstream.KeyValueBucketStatus).StreamInfo().Config.Replicas; n != 3 {
		t.Errorf("%d copies", n)
	}
	servers[0].Kill()
	third := join(t, inNATS(t, servers[2]))
	third.await(t, 2)
	sid := third.open(t)
	until(t, "a session of the new node is found", func() bool {
		return m[0].request(t, "POST", target("polling", sid), "4x").Code == 200
	})
}

func TestNATSWithoutJetStream(t *testing.T) {
	t.Parallel()
	s := natsserver.Start(t, natsserver.Options{})
	conn := connectTo(t, s)
	if err := CheckJetStream(t.Context(), conn); !errors.Is(err, ErrNoJetStream) {
		t.Errorf("got %v", err)
	}
	g, err := NewNATSRegistry(conn, "socket.io")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Exchange(t.Context(), "aaaaaaaa", nil); err == nil || !strings.Contains(err.Error(), "etstream") &&
		!strings.Contains(err.Error(), "responders") {
		t.Errorf("got %v", err)
	}
	with := natsserver.Start(t, natsserver.Options{JetStream: true})
	if err := CheckJetStream(t.Context(), connectTo(t, with)); err != nil {
		t.Errorf("got %v", err)
	}
}
