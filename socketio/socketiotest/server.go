package socketiotest

// Servers in memory.

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

// SettleEvent is an event that clients of this package send, so that the server acknowledges it. Handlers of OnAny
// and the like see it.
const SettleEvent = "socketiotest:settle"

// patience is how long what must happen may take, where the test does not say. It is no measure of speed.
const patience = 10 * time.Second

// A Server is a Socket.IO server in memory, for one test.
type Server struct {
	*socketio.Server
	// Network is where it listens.
	Network *Network
	// URL is its address, for clients that the test makes itself, with Network.DialContext.
	URL string

	peers []*Server // of its cluster, itself among them

	mu      sync.Mutex
	clients []*Client
}

// New starts a server that ends with the test.
func New(t testing.TB, opts socketio.Options) *Server {
	t.Helper()
	return Serve(t, socketio.NewServer(opts), nil)
}

// Serve is New for a server that the program has made. handler, if not nil, is what serves requests in its place: the
// program's http.Handler around it.
func Serve(t testing.TB, io *socketio.Server, handler http.Handler) *Server {
	t.Helper()
	s := &Server{Server: io, Network: newNetwork(), URL: "http://socketio.test"}
	s.peers = []*Server{s}
	for _, ns := range io.Namespaces() {
		settles(ns)
	}
	io.OnNewNamespace(settles)
	if handler == nil {
		handler = io
	}
	web := &http.Server{Handler: handler}
	served := make(chan error, 1)
	go func() { served <- web.Serve(s.Network) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Errorf("socketiotest: shutdown: %v", err)
		}
		_ = web.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("socketiotest: serve: %v", err)
		}
	})
	return s
}

func settles(ns *socketio.Namespace) {
	ns.On(SettleEvent, func(e *socketio.Event) error { return e.Ack() })
}

// NewCluster starts n servers with the same options, whose Adapter connects them; adapter/cluster/memory has one that
// needs no broker:
//
//	servers := socketiotest.NewCluster(t, 3, socketio.Options{Adapter: memory.NewBroker().NewAdapter})
func NewCluster(t testing.TB, n int, opts socketio.Options) []*Server {
	t.Helper()
	servers := make([]*Server, n)
	for i := range servers {
		servers[i] = New(t, opts)
	}
	for _, s := range servers {
		s.peers = servers
	}
	return servers
}

// Connect connects a client to the main namespace. It ends with the test.
func (s *Server) Connect(t testing.TB) *Client {
	t.Helper()
	return s.ConnectTo(t, "/", client.Options{})
}

// ConnectTo connects a client to a namespace, whose name may have a query. It uses WebSocket alone, unless opts say
// otherwise.
func (s *Server) ConnectTo(t testing.TB, namespace string, opts client.Options) *Client {
	t.Helper()
	c := s.NewClient(t, namespace, opts)
	c.Connect()
	return c
}

// NewClient is ConnectTo for a client that is to connect later: for handlers that must be there before, or a connection
// that is to fail.
func (s *Server) NewClient(t testing.TB, namespace string, opts client.Options) *Client {
	t.Helper()
	if opts.DialContext == nil {
		opts.DialContext = s.Network.DialContext
	}
	if len(opts.Transports) == 0 {
		opts.Transports = []string{"websocket"}
	}
	if opts.Proxy == nil {
		opts.Proxy = noProxy
	}
	socket, err := client.New(s.URL+namespace, opts)
	if err != nil {
		t.Fatalf("socketiotest: %v", err)
	}
	c := newClient(t, s, socket)
	s.mu.Lock()
	s.clients = append(s.clients, c)
	s.mu.Unlock()
	return c
}

// Settle waits until the handlers of this server, and of the others of its cluster, have run for everything that the
// clients of this package have sent, and those have received what was emitted until then.
func (s *Server) Settle(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for range 2 { // what the handlers of one client emit may reach another, which answers
		for _, peer := range s.peers {
			peer.settleClients(ctx, t)
		}
		for _, peer := range s.peers {
			peer.settleCluster(ctx, t)
		}
	}
	for _, peer := range s.peers {
		peer.settleClients(ctx, t)
	}
}

// settleCluster waits until the other servers have done what this one has sent them: they answer in line.
func (s *Server) settleCluster(ctx context.Context, t testing.TB) {
	t.Helper()
	if len(s.peers) == 1 {
		return
	}
	for _, ns := range s.Namespaces() {
		if _, err := ns.FetchSockets(ctx); err != nil && !errors.Is(err, socketio.ErrIncomplete) &&
			!errors.Is(err, socketio.ErrNotSupported) {
			t.Errorf("socketiotest: settle %s: %v", ns.Name(), err)
		}
	}
}

func (s *Server) settleClients(ctx context.Context, t testing.TB) {
	t.Helper()
	s.mu.Lock()
	clients := s.clients
	s.mu.Unlock()
	for _, c := range clients {
		if !c.Connected() {
			continue
		}
		_, err := c.Socket.EmitWithAck(ctx, SettleEvent)
		if err == nil {
			err = c.drained(ctx)
		}
		if err != nil && !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("socketiotest: settle: %v", err)
		}
	}
}
