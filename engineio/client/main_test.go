package client

// What the tests of this package share: servers of Node.js and ours that do the same, and a handler that keeps what
// comes.

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/test/nodeserver"
)

// node has the servers of Node.js, for all tests.
var node nodeserver.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(node.Around(m)) }

// patience is how long a test waits for what must happen. It is no measure of speed.
const patience = 8 * time.Second

// eachServer runs a test against Node.js' server and ours.
func eachServer(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("ours", func(t *testing.T) { f(t, ourServer(t)) })
	t.Run("node", func(t *testing.T) { f(t, node.URL(t, "client/server.mjs")) })
}

// ourServer does the same as test/js/client/server.mjs.
func ourServer(t *testing.T) (url string) {
	t.Helper()
	var mu sync.Mutex
	posts := make(map[string]int)
	srv := engineio.NewServer(engineio.Options{
		PingInterval: 300 * time.Millisecond, MaxHTTPBufferSize: 100,
		PerMessageDeflate: &engineio.PerMessageDeflate{Threshold: 1},
		AllowRequest: func(r *http.Request) error {
			if r.URL.Query().Has("deny") {
				return errDenied
			}
			return nil
		},
	}, func(s *engineio.Session) engineio.Handler {
		b := &bouncer{s: s, posts: func() int {
			mu.Lock()
			defer mu.Unlock()
			return posts[s.ID()]
		}}
		b.text("hi")
		return b
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sid := r.URL.Query().Get("sid")
		if r.Method == http.MethodPost {
			mu.Lock()
			posts[sid]++
			mu.Unlock()
		}
		if sid == "" {
			for _, c := range []string{"a=1; Max-Age=86400", "b=2; Path=/; HttpOnly", "gone=3; Max-Age=0"} {
				w.Header().Add("Set-Cookie", c)
			}
		}
		srv.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return server.URL
}

type denied struct{}

func (denied) Error() string { return "Forbidden" }

var errDenied = denied{}

// bouncer answers each message with itself, but for some.
type bouncer struct {
	s     *engineio.Session
	posts func() int
}

func (b *bouncer) text(s string) {
	b.s.Send(engineio.NewTextMessage([]byte(s), nil, engineio.MessageOptions{}))
}

func (b *bouncer) OnMessage(data []byte, binary bool) {
	switch string(data) {
	case "give binary":
		b.s.Send(engineio.NewBinaryMessage([]byte{0, 1, 2, 3, 4}, engineio.MessageOptions{}))
	case "give utf8":
		b.text("пойду спать всем спокойной ночи")
	case "give headers":
		h := make(map[string]string)
		for k, v := range b.s.Handshake().Header {
			h[http.CanonicalHeaderKey(k)] = v[0]
		}
		out, _ := json.Marshal(h)
		b.text(string(out))
	case "give query":
		b.text(b.s.Handshake().URL.RequestURI())
	case "give posts":
		b.text(strconv.Itoa(b.posts()))
	case "close":
		b.s.Close(engineio.ReasonForcedClose)
	default:
		if binary {
			b.s.Send(engineio.NewBinaryMessage(data, engineio.MessageOptions{}))
		} else {
			b.text(string(data))
		}
	}
}

func (b *bouncer) OnClose(engineio.Reason) {}

// A peer is a session whose messages and end can be waited for.
type peer struct {
	*Session
	t        testing.TB
	messages chan string // binary ones in the form <0102>
	ended    chan end
	upgraded chan error
}

type end struct {
	reason Reason
	err    error
}

func newPeer(t testing.TB) *peer {
	return &peer{
		t: t, messages: make(chan string, 1<<14), ended: make(chan end, 2), upgraded: make(chan error, 2),
	}
}

func (p *peer) OnMessage(data []byte, binary bool) {
	if binary {
		const digits = "0123456789abcdef"
		text := []byte{'<'}
		for _, b := range data {
			text = append(text, digits[b>>4], digits[b&15])
		}
		data = append(text, '>')
	}
	p.messages <- string(data)
}

func (p *peer) OnClose(reason Reason, err error) { p.ended <- end{reason, err} }

// tryDial opens a session, which ends with the test.
func tryDial(t testing.TB, url string, opts Options) (*peer, error) {
	t.Helper()
	return dialBy(t, nil, url, opts)
}

func dialBy(t testing.TB, d *Dialer, url string, opts Options) (*peer, error) {
	t.Helper()
	p := newPeer(t)
	opts.CloseTimeout = cmp.Or(opts.CloseTimeout, 300*time.Millisecond) // for servers of a test that answer no goodbye
	opts.OnUpgrade = func(_ *Session, _ string, err error) { p.upgraded <- err }
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	p.Session, err = dial(ctx, d, url, opts, func(*Session) Handler { return p })
	if err == nil {
		t.Cleanup(p.stop)
	}
	return p, err
}

func mustDial(t testing.TB, url string, opts Options) *peer {
	t.Helper()
	p, err := tryDial(t, url, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stop closes the session and waits until nothing is left of it.
func (p *peer) stop() {
	p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Wait(ctx); err != nil {
		p.t.Error(err)
	}
}

func (p *peer) text(messages ...string) {
	p.t.Helper()
	for _, m := range messages {
		if err := p.Send(Message{Data: []byte(m)}); err != nil {
			p.t.Fatalf("send %q: %v", m, err)
		}
	}
}

func receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
		panic("unreachable")
	}
}

// want reads messages and compares.
func (p *peer) want(messages ...string) {
	p.t.Helper()
	for _, want := range messages {
		if got := p.next(); got != want {
			p.t.Fatalf("received %q, want %q", got, want)
		}
	}
}

func (p *peer) next() string {
	p.t.Helper()
	return receive(p.t, "a message", p.messages)
}

func (p *peer) wantEnd(reason Reason) error {
	p.t.Helper()
	e := receive(p.t, "the end", p.ended)
	if e.reason != reason {
		p.t.Fatalf("ended with %q (%v), want %q", e.reason, e.err, reason)
	}
	return e.err
}
