package forward

// What strangers may try, and what may stand at an address where a node should be.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// Records that lead in circles, as they would be where ADVERTISE_ADDR is a balancer's address or a node has another's
// old address: each request is passed on once.
func TestNothingIsForwardedTwice(t *testing.T) {
	r, m := newCluster(t, 2)
	var turn atomic.Int64
	balancer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := balancer.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				owner, err := net.Dial("tcp", m[turn.Add(1)%2].addr)
				if err != nil {
					return
				}
				defer owner.Close()
				conns.Go(func() { io.Copy(owner, c); owner.Close() })
				io.Copy(c, owner)
			})
		}
	})
	defer conns.Wait()
	defer func() {
		balancer.Close()
		m[0].transport.CloseIdleConnections()
		m[1].transport.CloseIdleConnections()
	}()
	tags := map[string]string{"a balancer": newTag(), "this node": newTag(), "the other node": newTag()}
	register(r, tags["a balancer"], balancer.Addr().String())
	register(r, tags["this node"], m[0].addr)
	register(r, tags["the other node"], m[1].addr)
	for name, tag := range tags {
		sid := tag + strings.Repeat("x", idLength-tagLength)
		before := m[0].Stats().Requests + m[1].Stats().Requests
		for range 4 {
			expectUnknown(t, name, m[0].request(t, "GET", target("polling", sid), ""))
			refused, err := wire.DialWebSocket(m[0].addr, target("websocket", sid))
			if refused == nil || string(refused.Answer.Body) != "Session ID unknown" {
				t.Errorf("%s: %+v, %v", name, refused, err)
			}
		}
		if n := m[0].Stats().Requests + m[1].Stats().Requests - before; n > 8 {
			t.Errorf("%s: 8 requests were forwarded %d times", name, n)
		}
	}
	if !strings.Contains(m[0].log.String(), "ADVERTISE_ADDR") {
		t.Error("the log does not say what may be wrong")
	}
}

// A stranger pretends that another node has forwarded its request.
func TestForgedMarks(t *testing.T) {
	_, m := newCluster(t, 2)
	sid := m[1].open(t)
	header := func(value string) wire.Header { return wire.Header{Name: "x-gateway-forwarded", Value: value} }
	for _, marks := range [][]wire.Header{
		{header("")}, {header(" 198.51.100.1:1")}, {header("wrong 198.51.100.1:1")},
		{header(m[0].tag + " 198.51.100.1:1")},
		{header(m[1].key + "x 198.51.100.1:1")}, {header("x"), header(m[1].key + " 198.51.100.1:1")},
	} {
		got := m[1].request(t, "POST", target("polling", sid), "4x", marks...)
		seen := m[1].last(t)
		if got.Code != 200 || got.Get(nodeHeader) != "" || !strings.HasPrefix(seen.RemoteAddr, "127.0.0.1:") ||
			seen.Header.Get(ForwardedHeader) != "" {
			t.Errorf("%v: %d %v; seen from %s with %v", marks, got.Code, got.Headers, seen.RemoteAddr, seen.Header)
		}
		// It keeps its own request from being forwarded, that is all.
		expectUnknown(t, fmt.Sprint(marks), m[0].request(t, "POST", target("polling", sid), "4x", marks...))
	}
	// Nor can it take the mark, or the address, off what is forwarded.
	got := m[0].request(t, "POST", target("polling", sid), "4x",
		wire.Header{Name: "Connection", Value: "close, X-Gateway-Forwarded, X-Forwarded-For"},
		wire.Header{Name: "X-Forwarded-For", Value: "198.51.100.7"},
		wire.Header{Name: "X-Forwarded-For", Value: "198.51.100.8"})
	seen := m[1].last(t)
	if got.Code != 200 || seen.Header.Get("X-Forwarded-For") != "198.51.100.7, 198.51.100.8, 127.0.0.1" ||
		!strings.HasPrefix(seen.RemoteAddr, "127.0.0.1:") {
		t.Errorf("%d; seen from %s with %v", got.Code, seen.RemoteAddr, seen.Header)
	}
}

// Something that is no node listens at a node's address: nothing that it says reaches the client, and no redirect is
// followed.
func TestSomethingElseAtANodesAddress(t *testing.T) {
	r, m := newCluster(t, 1)
	var asked, questions atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _, forwarded := strings.Cut(r.Header.Get(ForwardedHeader), " ")
		if !forwarded && r.Header.Get("Upgrade") == "" {
			questions.Add(1)
			return
		}
		asked.Add(1)
		switch {
		case strings.Contains(r.URL.RawQuery, "redirect"):
			http.Redirect(w, r, "/secret", http.StatusFound)
		case r.Header.Get("Upgrade") != "":
			w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(http.StatusSwitchingProtocols)
		default:
			w.Header().Set(nodeHeader, "AAAAAAAA")
			io.WriteString(w, "secret")
		}
	}))
	defer stranger.Close()
	tag := newTag()
	register(r, tag, stranger.Listener.Addr().String())
	sid := tag + strings.Repeat("x", idLength-tagLength)
	expectUnknown(t, "a page", m[0].request(t, "GET", target("polling", sid), ""))
	expectUnknown(t, "a redirect", m[0].request(t, "GET", target("polling", sid)+"&redirect", ""))
	refused, err := wire.DialWebSocket(m[0].addr, target("websocket", sid))
	if refused == nil || string(refused.Answer.Body) != "Session ID unknown" {
		t.Errorf("WebSocket: %+v, %v", refused, err)
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("it was asked %d times", n)
	}
	until(t, "it is found out", func() bool {
		if m[0].Stats().Nodes == 0 {
			return questions.Load() > 0
		}
		// At each heartbeat it comes back, as it is registered. A request for it brings it back too, so no request is
		// sent once it is gone.
		m[0].request(t, "GET", target("polling", sid), "")
		return false
	})
}

// An owner accepts connections and says nothing.
func TestSilentOwner(t *testing.T) {
	r, m := newCluster(t, 1, func(o *Options) { o.AnswerTimeout = 200 * time.Millisecond })
	i := newImpostor(t, r)
	expectUnknown(t, "a poll", m[0].request(t, "GET", target("polling", i.session()), ""))
	expectUnknown(t, "a post", m[0].request(t, "POST", target("polling", i.session()), "4x"))
	refused, err := wire.DialWebSocket(m[0].addr, target("websocket", i.session()))
	if refused == nil || string(refused.Answer.Body) != "Session ID unknown" {
		t.Errorf("WebSocket: %+v, %v", refused, err)
	}
	if s := m[0].Stats(); s.Failed != 3 {
		t.Errorf("%+v", s)
	}
}

// Requests in which a careless proxy and its backend would see different numbers of requests, or different headers.
func TestSmuggling(t *testing.T) {
	r, m := newCluster(t, 1)
	i := newImpostor(t, r)
	answer := "HTTP/1.1 200 OK\r\nX-Gateway-Node: " + i.tag + "\r\nContent-Length: 2\r\n\r\nok"
	path := target("polling", i.session())
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	tests := map[string]string{
		"chunks that a length contradicts": "POST " + path +
			" HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"2\r\n4x\r\n0\r\n\r\n",
		"a length that chunks contradict": "POST " + path +
			" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" + smuggled,
		"two lengths": "POST " + path +
			" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\n" + smuggled,
		"an odd coding": "POST " + path +
			" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \vchunked\r\nContent-Length: 30\r\n\r\n" + smuggled,
		"a coding with a space": "POST " + path +
			" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + smuggled,
		"a folded header": "GET " + path +
			" HTTP/1.1\r\nHost: x\r\nA: b\r\n X-Gateway-Forwarded: k 1.1.1.1:1\r\n\r\n",
		"a line end in the path": "GET " + path + "%0d%0aX-Gateway-Forwarded:%20k HTTP/1.1\r\nHost: x\r\n\r\n",
		"hop-by-hop headers": "GET " + path +
			" HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, A\r\nA: b\r\nKeep-Alive: timeout=9\r\n" +
			"Proxy-Connection: x\r\n" +
			"Proxy-Authorization: x\r\nTE: deflate\r\nTrailer: B\r\nUpgrade: h2c\r\n\r\n",
		"an upgrade with a body": "GET " + path +
			" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, Sec-Secret\r\nUpgrade: websocket\r\nSec-Secret: x\r\n" +
			"Content-Length: 38\r\n\r\n" + smuggled,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := wire.Dial(m[0].addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			answered := make(chan *wire.Response, 1)
			go func() {
				r, _ := c.ReadResponse("GET")
				answered <- r
			}()
			var owner net.Conn
			select {
			case owner = <-i.conns:
			case r := <-answered: // turned away by this node
				if r == nil || r.Code != 400 && r.Code != 501 {
					t.Errorf("got %+v", r)
				}
				return
			case <-time.After(patience):
				t.Fatal("nothing happens")
			}
			defer owner.Close()
			upgrade := strings.Contains(text, "websocket")
			if upgrade {
				owner = i.takeLink(t, owner)
			}
			owner.SetDeadline(time.Now().Add(patience))
			in := bufio.NewReader(owner)
			got, err := http.ReadRequest(in)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, got.Body); err != nil {
				t.Fatal(err)
			}
			if got.RequestURI != strings.Fields(text)[1] || len(got.Header[ForwardedHeader]) != 1 ||
				!strings.HasPrefix(got.Header.Get(ForwardedHeader), "k 127.0.0.1:") {
				t.Errorf("the owner got %s %v", got.RequestURI, got.Header)
			}
			for _, h := range []string{
				"A", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Upgrade", "Sec-Secret",
			} {
				v := got.Header.Get(h)
				if v != "" && !(h == "Upgrade" && upgrade) && !(name == "a folded header" && h == "A") {
					t.Errorf("the owner got %s: %s", h, v)
				}
			}
			if in.Buffered() > 0 {
				rest, _ := in.Peek(in.Buffered())
				t.Errorf("and behind it %q", rest)
			}
			if _, err := io.WriteString(owner, answer); err != nil {
				t.Fatal(err)
			}
			select {
			case r := <-answered:
				if r == nil || r.Code != 200 || string(r.Body) != "ok" {
					t.Errorf("got %+v", r)
				}
			case <-time.After(patience):
				t.Error("no answer")
			}
			// The connection has no more requests than the client meant to send; what it smuggled is its own next
			// request at most.
			owner.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if rest, _ := io.ReadAll(in); len(rest) > 0 {
				t.Errorf("the owner got more: %q", rest)
			}
		})
	}
}
