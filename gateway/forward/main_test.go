package forward

// What the tests share: a cluster of nodes, each with an Engine.IO server that echoes, and owners that are none.

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/engineio/mux"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// patience is how long a test waits for what must happen. It is not a measure of anything.
const patience = 30 * time.Second

// maxHeader is the members' http.Server.MaxHeaderBytes, as the gateway has it, unless their options say otherwise.
const maxHeader = 16 << 10

func TestMain(m *testing.M) {
	fleet.Require("redis-server")
	os.Exit(fleet.Run(m))
}

// A member is a node with a server.
type member struct {
	*Node
	engine *engineio.Server
	server *httptest.Server
	addr   string
	log    *logText
	stop   func() // ends it as if its process had been killed, but for what the test must not leave behind

	heard atomic.Int64 // messages

	mu   sync.Mutex
	seen []*http.Request // that reached the Engine.IO server
}

type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// An echo answers each message with itself.
type echo struct {
	session *engineio.Session
	heard   *atomic.Int64
}

func (e echo) OnMessage(data []byte, binary bool) {
	e.heard.Add(1)
	if binary {
		e.session.Send(engineio.NewBinaryMessage(data, engineio.MessageOptions{}))
	} else {
		e.session.Send(engineio.NewTextMessage(data, nil, engineio.MessageOptions{}))
	}
}

func (e echo) OnClose(engineio.Reason) {}

// inRedis is the registry in a Redis, with a client of its own.
func inRedis(t testing.TB, r *fleet.Redis) Registry {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: r.Addr, MaxRetries: -1, DialTimeout: time.Second, ContextTimeoutEnabled: true, DialerRetries: 1,
	})
	t.Cleanup(func() { client.Close() })
	return NewRedisRegistry(client, "socket.io")
}

// join starts a member. more changes its options.
func join(t testing.TB, registry Registry, more ...func(*Options)) *member {
	t.Helper()
	m := &member{log: new(logText)}
	opts := Options{
		Registry: registry, Host: "test", AnswerTimeout: patience, MaxHeaderBytes: maxHeader,
		Address: func() string { return m.addr },
		Logger:  slog.New(slog.NewTextHandler(m.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range more {
		f(&opts)
	}
	m.Node = New(opts)
	m.engine = engineio.NewServer(engineio.Options{CORS: &engineio.CORS{}, NewID: m.NewID, Logger: opts.Logger},
		func(s *engineio.Session) engineio.Handler { return echo{s, &m.heard} })
	m.server = httptest.NewUnstartedServer(nil)
	m.server.Config.MaxHeaderBytes = opts.MaxHeaderBytes
	if _, benchmark := t.(*testing.B); benchmark {
		m.server.Config.Handler = m.Handler(m.engine)
		m.server.Listener = m.engine.Listener(m.server.Listener, ForwardedHeader) // as the gateway has it
	} else {
		m.server.Config.Handler = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.mu.Lock()
			m.seen = append(m.seen, r.Clone(context.Background()))
			m.mu.Unlock()
			m.engine.ServeHTTP(w, r)
		}))
	}
	m.server.Start()
	m.addr = m.server.Listener.Addr().String()
	m.Start(t.Context())
	m.stop = sync.OnceFunc(func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		_ = m.engine.Shutdown(over) // cuts everybody
		m.server.Close()
	})
	t.Cleanup(func() {
		m.stop()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = m.Close(ctx) // a test may have taken the registry away
	})
	return m
}

// newCluster starts members that know each other by a Redis of their own.
func newCluster(t testing.TB, n int, more ...func(*Options)) (*fleet.Redis, []*member) {
	t.Helper()
	r := fleet.StartRedis(t)
	return r, joinAll(t, n, func() Registry { return inRedis(t, r) }, more...)
}

// joinAll starts members that know each other.
func joinAll(t testing.TB, n int, registry func() Registry, more ...func(*Options)) []*member {
	t.Helper()
	members := make([]*member, n)
	for i := range members {
		members[i] = join(t, registry(), more...)
	}
	for _, m := range members {
		m.await(t, n-1)
	}
	return members
}

// await waits until the member knows that many others.
func (m *member) await(t testing.TB, others int) {
	t.Helper()
	until(t, "the nodes find each other", func() bool {
		select {
		case m.directory.wanted <- struct{}{}: // rather than at the next heartbeat
		default:
		}
		return m.Registered() && m.Stats().Nodes == others
	})
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// last is the newest request that reached the member's own server.
func (m *member) last(t *testing.T) *http.Request {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.seen) == 0 {
		t.Fatal("no request has come")
	}
	return m.seen[len(m.seen)-1]
}

func target(transport, sid string) string {
	return "/engine.io/?EIO=4&transport=" + transport + "&sid=" + sid
}

// request sends a request to a member and returns its answer.
func (m *member) request(t testing.TB, method, target, body string, headers ...wire.Header) *wire.Response {
	t.Helper()
	response, err := wire.Do(m.addr, wire.Request{Method: method, Target: target, Body: body, Headers: headers},
		patience)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return response
}

// open opens a polling session on the member.
func (m *member) open(t testing.TB) (sid string) {
	t.Helper()
	response := m.request(t, "GET", "/engine.io/?EIO=4&transport=polling", "")
	fields := strings.Split(string(response.Body), `"`)
	if response.Code != 200 || len(fields) < 4 {
		t.Fatalf("handshake: %d %q", response.Code, response.Body)
	}
	return fields[3]
}

const unknownSession = `{"code":1,"message":"Session ID unknown"}`

// expectUnknown fails the test unless the answer is that there is no such session.
func expectUnknown(t *testing.T, what string, r *wire.Response) {
	t.Helper()
	if r.Code != 400 || string(r.Body) != unknownSession || r.Get("Access-Control-Allow-Origin") != "*" ||
		r.Get(nodeHeader) != "" {
		t.Errorf("%s: got %d %q %v", what, r.Code, r.Body, r.Headers)
	}
}

// expectText reads the next frame, which must be that text.
func expectText(t *testing.T, ws *wire.WebSocket, want string) {
	t.Helper()
	ws.SetReadDeadline(time.Now().Add(patience))
	f, err := ws.ReadFrame()
	if err != nil || f.Opcode != wire.Text || string(f.Payload) != want {
		t.Fatalf("got %v %.100q, %v; want %.100q", f.Opcode, f.Payload, err, want)
	}
}

// An impostor listens at an address that is registered as a node's.
type impostor struct {
	tag, addr string
	conns     chan net.Conn // what connects to it; the test's end closes them
}

// newImpostor registers a node that is only a listener.
func newImpostor(t *testing.T, r *fleet.Redis) *impostor {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := &impostor{tag: newTag(), addr: l.Addr().String(), conns: make(chan net.Conn, 100)}
	var done sync.WaitGroup
	done.Go(func() {
		defer close(i.conns)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			i.conns <- c
		}
	})
	t.Cleanup(func() {
		l.Close()
		done.Wait()
		for c := range i.conns {
			c.Close()
		}
	})
	register(r, i.tag, i.addr)
	return i
}

// register writes a record as a node would.
func register(r *fleet.Redis, tag, addr string) {
	r.Do("SET", "{socket.io#nodes}:"+tag, `{"address":"`+addr+`","key":"k","host":"impostor"}`)
	r.Do("SADD", "{socket.io#nodes}", tag)
}

func (i *impostor) session() string { return i.tag + strings.Repeat("x", idLength-tagLength) }

// takeLink answers the request for a link that comes on a connection, and returns the first stream.
func (i *impostor) takeLink(t *testing.T, conn net.Conn) net.Conn {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(conn)
	r, err := http.ReadRequest(in)
	if err != nil || !isLink(r) || r.Header.Get(ForwardedHeader) != "k" {
		t.Fatalf("got %+v, %v; want a request for a link", r, err)
	}
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+muxProtocol+
		"\r\n"+nodeHeader+": "+i.tag+"\r\n\r\n")
	conn.SetDeadline(time.Time{})
	session := mux.Server(conn, bytes.Clone(buffered(in)), mux.Options{})
	t.Cleanup(func() { session.Close(); <-session.Done() })
	stream, err := session.Listener().Accept()
	if err != nil {
		t.Fatal(err)
	}
	return stream
}
