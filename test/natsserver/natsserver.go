// Package natsserver starts NATS servers for tests: in the test's process, on loopback.
package natsserver

import (
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brunossouza/websocket-escalonavel/test/freeaddr"
)

// Patience is how long a server may take to start, and a cluster to find itself.
const Patience = 30 * time.Second

// A Server is a NATS server that can be killed and started again at the same address.
type Server struct {
	Addr string // host:port of clients
	*server.Server

	// Opts are what Restart starts it with.
	Opts server.Options

	t testing.TB
}

// Options are what a test may want of its server beside a free port on 127.0.0.1. JetStream keeps what it has in a
// folder of the test.
type Options struct {
	JetStream  bool
	MaxPayload int32  // bytes; 0: NATS' 1 MB
	MaxPending int64  // bytes that may wait for a client; 0: NATS' 64 MB
	User       string // the one who may connect; "": anybody
	Password   string
	// Certificate and Key, if not "", are PEM files: the server speaks TLS, and wants a certificate of that authority.
	Certificate, Key string
	// NoAdvertise keeps clients from learning of the cluster's other servers.
	NoAdvertise bool
	// Route, if not nil, is the address at which server from of a cluster reaches server to, which listens at addr.
	// They reach each other in no other way then.
	Route func(from, to int, addr string) string
}

// Start starts a server, which ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := Prepare(t, o)
	s.run()
	return s
}

// Prepare is Start of a server that does not run yet; Restart has it run.
func Prepare(t testing.TB, o Options) *Server {
	t.Helper()
	s := prepare(t, o, "")
	t.Cleanup(s.Kill)
	return s
}

func prepare(t testing.TB, o Options, name string) *Server {
	t.Helper()
	s := &Server{Addr: freeaddr.Need(t), t: t}
	host, port, _ := net.SplitHostPort(s.Addr)
	n, _ := strconv.Atoi(port)
	s.Opts = server.Options{
		ServerName: name, Host: host, Port: n, NoLog: true, NoSigs: true, MaxPayload: o.MaxPayload,
		MaxPending: o.MaxPending, JetStream: o.JetStream, Username: o.User, Password: o.Password,
	}
	if o.JetStream {
		s.Opts.StoreDir = t.TempDir()
	}
	if o.Certificate != "" {
		config, err := server.GenTLSConfig(&server.TLSConfigOpts{
			CertFile: o.Certificate, KeyFile: o.Key, CaFile: o.Certificate, Verify: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Opts.TLS, s.Opts.TLSVerify, s.Opts.TLSConfig = true, true, config
	}
	return s
}

// URL is what clients connect to.
func (s *Server) URL() string { return "nats://" + s.Addr }

// run starts the server.
func (s *Server) run() {
	s.t.Helper()
	opts := s.Opts // the server changes its own
	srv, err := server.NewServer(&opts)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Server = srv
	srv.Start()
	if !srv.ReadyForConnections(Patience) {
		s.t.Fatalf("the NATS server at %s does not start", s.Addr)
	}
}

// Kill ends the server: its clients' connections break.
func (s *Server) Kill() {
	if s.Server == nil {
		return
	}
	s.Server.Shutdown()
	s.Server.WaitForShutdown()
}

// Restart starts it again, at the same address, after Kill.
func (s *Server) Restart() {
	s.t.Helper()
	s.run()
}

// StartCluster starts so many servers that are one cluster.
func StartCluster(t testing.TB, servers int, o Options) []*Server {
	t.Helper()
	var list []*Server
	var routes []*url.URL
	for range servers {
		addr := freeaddr.Need(t)
		routes = append(routes, &url.URL{Scheme: "nats", Host: addr})
	}
	for i := range servers {
		s := prepare(t, o, "n"+strconv.Itoa(i))
		port, _ := strconv.Atoi(routes[i].Port())
		s.Opts.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port, NoAdvertise: o.NoAdvertise}
		s.Opts.Routes = routes
		if o.Route != nil {
			s.Opts.Routes = nil
			for to, r := range routes {
				if to != i {
					way := &url.URL{Scheme: "nats", Host: o.Route(i, to, r.Host)}
					s.Opts.Routes = append(s.Opts.Routes, way)
				}
			}
			s.Opts.Cluster.Advertise = "127.0.0.1:1" // nobody is there
		}
		s.run()
		t.Cleanup(s.Kill)
		list = append(list, s)
	}
	Whole(t, list)
	return list
}

// StartLeaf starts a server and one that is its leaf node, on a connection that the leaf has made: what the clients of
// both say reaches both. Only the first has JetStream, if that is wanted.
func StartLeaf(t testing.TB, o Options) (hub, leaf *Server) {
	t.Helper()
	hub = prepare(t, o, "hub")
	addr := freeaddr.Need(t)
	_, port, _ := net.SplitHostPort(addr)
	hub.Opts.LeafNode.Host = "127.0.0.1"
	hub.Opts.LeafNode.Port, _ = strconv.Atoi(port)
	o.JetStream = false
	leaf = prepare(t, o, "leaf")
	leaf.Opts.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats-leaf", Host: addr}}}}
	leaf.Opts.LeafNode.ReconnectInterval = 50 * time.Millisecond
	for _, s := range []*Server{hub, leaf} {
		s.Opts.JsAccDefaultDomain = map[string]string{server.DEFAULT_GLOBAL_ACCOUNT: ""} // JetStream's API passes
		s.run()
		t.Cleanup(s.Kill)
	}
	for deadline := time.Now().Add(Patience); hub.NumLeafNodes() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the leaf node does not reach its server")
		}
	}
	return hub, leaf
}

// Whole waits until each of servers is connected to all others.
func Whole(t testing.TB, servers []*Server) {
	t.Helper()
	for deadline := time.Now().Add(Patience); ; time.Sleep(5 * time.Millisecond) {
		whole := true
		for _, s := range servers {
			whole = whole && s.NumRemotes() == len(servers)-1
		}
		if whole {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the NATS servers do not find each other")
		}
	}
}

// MaxPayload is the largest message that the server takes, in bytes.
func (s *Server) MaxPayload() int { return int(s.Opts.MaxPayload) }

// Subjects are those that its clients have subscribed to, each as often as there are subscriptions.
func (s *Server) Subjects(t testing.TB) []string {
	t.Helper()
	z, err := s.Subsz(&server.SubszOptions{Subscriptions: true, Limit: 1 << 20, Account: server.DEFAULT_GLOBAL_ACCOUNT})
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, sub := range z.Subs {
		subjects = append(subjects, sub.Subject)
	}
	return subjects
}

// Subscribers is how many would get what is published to subject on this server: its clients that have subscribed, and
// those of the cluster's other servers.
func (s *Server) Subscribers(subject string) int { return s.GlobalAccount().Interest(subject) }
