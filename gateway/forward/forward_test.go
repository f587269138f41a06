package forward

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

func TestIDs(t *testing.T) {
	n := New(Options{})
	defer n.Close(t.Context())
	seen := make(map[string]bool)
	for range 1000 {
		id := n.NewID()
		if tagOf(id) != n.tag || len(id)-len(n.tag) < 22 || seen[id] {
			t.Fatalf("got %q", id)
		}
		seen[id] = true
	}
	for _, id := range []string{"", "MxAwWxK0HKock1pPAAAA", strings.Repeat("a", 29), strings.Repeat("a", 31), strings.Repeat("a", 29) + "/", strings.Repeat("é", 15)} {
		if tag := tagOf(id); tag != "" {
			t.Errorf("%q has the tag %q", id, tag)
		}
	}
}

func TestAnyNodeServesAnyRequest(t *testing.T) {
	_, m := newCluster(t, 3)
	sid := m[0].open(t)
	for i := range 30 {
		text := fmt.Sprint("4message ", i)
		post := m[i%3].request(t, "POST", target("polling", sid), text, wire.Header{Name: "Content-Type", Value: "text/plain;charset=UTF-8"})
		if post.Code != 200 || string(post.Body) != "ok" {
			t.Fatalf("post %d: %d %q", i, post.Code, post.Body)
		}
		get := m[(i+1)%3].request(t, "GET", target("polling", sid), "")
		if get.Code != 200 || string(get.Body) != text {
			t.Fatalf("poll %d: %d %q", i, get.Code, get.Body)
		}
		for _, answer := range []*wire.Response{post, get} {
			all := fmt.Sprint(answer.Headers)
			if strings.Contains(all, m[0].addr) || strings.Contains(all, "X-Gateway") || answer.Get("Access-Control-Allow-Origin") != "*" {
				t.Fatalf("answer %d: %v", i, all)
			}
		}
	}
	ws, err := wire.DialWebSocket(m[1].addr, target("websocket", sid))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if all := fmt.Sprint(ws.Answer.Headers); strings.Contains(all, "X-Gateway") || ws.Answer.Get("Access-Control-Allow-Origin") != "*" {
		t.Error(all)
	}
	ws.SendText("2probe")
	expectText(t, ws, "3probe")
	ws.SendText("5")
	ws.SendText("4hello")
	expectText(t, ws, "4hello")
	if sessions := m[0].engine.Sessions(); sessions != 1 {
		t.Errorf("%d sessions", sessions)
	}
	if s := m[1].Stats(); s.Tunnels != 1 || s.Requests < 20 || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}

func TestUnknownSessionsAreAnsweredAsEver(t *testing.T) {
	r, m := newCluster(t, 2)
	gone := join(t, r)
	sid := gone.open(t)
	m[0].await(t, 2)
	gone.stop() // it stays registered
	for name, sid := range map[string]string{
		"Node's": "MxAwWxK0HKock1pPAAAA", "of no node": strings.Repeat("A", idLength), "of this node": m[0].NewID(),
		"of the other node": m[1].NewID(), "of a dead node": sid, "no id": "x", "long": strings.Repeat("A", 8000),
	} {
		for range 2 {
			expectUnknown(t, name, m[0].request(t, "GET", target("polling", sid), ""))
			expectUnknown(t, name, m[0].request(t, "POST", target("polling", sid), "4hello"))
		}
		refused, err := wire.DialWebSocket(m[0].addr, target("websocket", sid))
		if refused == nil || refused.Answer.Code != 400 || string(refused.Answer.Body) != "Session ID unknown" || refused.Answer.Get("Connection") != "close" {
			t.Errorf("%s: WebSocket: %+v, %v", name, refused, err)
		}
	}
	// What comes before the session in Node's order of checks still does.
	if got := m[0].request(t, "GET", target("nonsense", sid), ""); string(got.Body) != `{"code":0,"message":"Transport unknown"}` {
		t.Errorf("got %q", got.Body)
	}
	if got := m[0].request(t, "GET", target("nonsense", m[1].open(t)), ""); string(got.Body) != `{"code":0,"message":"Transport unknown"}` {
		t.Errorf("got %q", got.Body)
	}
}

func TestAKilledOwnerIsUnknownAtOnce(t *testing.T) {
	_, m := newCluster(t, 2)
	sid := m[1].open(t)
	ws, err := wire.DialWebSocket(m[0].addr, target("websocket", sid))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	ws.SendText("2probe")
	expectText(t, ws, "3probe")
	polling := m[1].open(t)
	pending, err := wire.Dial(m[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	defer pending.Close()
	if _, err := pending.Write(wire.Request{Method: "GET", Target: target("polling", polling)}.Bytes()); err != nil {
		t.Fatal(err)
	}
	until(t, "the poll is forwarded", func() bool { return m[1].Stats().Received == 2 })

	m[1].server.CloseClientConnections()
	m[1].stop()
	ws.SetReadDeadline(time.Now().Add(patience))
	if f, err := ws.ReadFrame(); err == nil {
		t.Errorf("the tunnel goes on: %v %q", f.Opcode, f.Payload)
	}
	pending.SetReadDeadline(time.Now().Add(patience))
	answer, err := pending.ReadResponse("GET")
	if err != nil {
		t.Fatal(err)
	}
	// The owner may have answered the poll itself before it went.
	if answer.Code != 400 && string(answer.Body) != "1" {
		t.Errorf("the pending poll: %d %q", answer.Code, answer.Body)
	}
	expectUnknown(t, "the next request", m[0].request(t, "GET", target("polling", polling), ""))
}

// A node that has left is out of the registry; one that was killed is when its record expires.
func TestRegistration(t *testing.T) {
	r, m := newCluster(t, 2)
	if n := len(r.Do("SMEMBERS", "{socket.io#nodes}").([]any)); n != 2 {
		t.Errorf("%d nodes registered", n)
	}
	if ttl := r.Do("PTTL", "{socket.io#nodes}:"+m[0].tag).(int64); ttl <= 0 || ttl > expiry.Milliseconds() {
		t.Errorf("expires in %d ms", ttl)
	}
	m[0].stop()
	if err := m[0].Close(t.Context()); err != nil {
		t.Error(err)
	}
	if left := r.Do("KEYS", "*").([]any); len(left) != 2 || !slices.Contains(left, any("{socket.io#nodes}:"+m[1].tag)) {
		t.Errorf("left: %v", left)
	}
	r.Do("SADD", "{socket.io#nodes}", "expired1")
	until(t, "an expired node is taken out", func() bool { return r.Do("SISMEMBER", "{socket.io#nodes}", "expired1").(int64) == 0 })
}

// Redis is started anew, empty: sessions of nodes that are known go on, and the nodes register again.
func TestRedisForgets(t *testing.T) {
	r, m := newCluster(t, 2)
	sid := m[1].open(t)
	r.Restart()
	for range 3 {
		if got := m[0].request(t, "POST", target("polling", sid), "4x"); got.Code != 200 {
			t.Fatalf("got %d %q", got.Code, got.Body)
		}
	}
	until(t, "both are registered again", func() bool { return len(r.Do("KEYS", "{socket.io#nodes}:*").([]any)) == 2 })
	if got := m[0].request(t, "GET", target("polling", sid), ""); got.Code != 200 {
		t.Errorf("got %d %q", got.Code, got.Body)
	}
}

func TestWithoutRedis(t *testing.T) {
	for name, outage := range map[string]func(*fleet.Redis){"killed": (*fleet.Redis).Kill, "frozen": (*fleet.Redis).Freeze} {
		t.Run(name, func(t *testing.T) {
			r, m := newCluster(t, 2)
			t.Cleanup(r.Kill)
			sid := m[1].open(t)
			outage(r)
			for i := range 50 {
				if got := m[0].request(t, "POST", target("polling", sid), "4x"); got.Code != 200 {
					t.Fatalf("a session of a known node: %d %q", got.Code, got.Body)
				}
				expectUnknown(t, "of no node", m[0].request(t, "GET", target("polling", fmt.Sprintf("%030d", i)), ""))
			}
			if n := strings.Count(m[0].log.String(), "Redis cannot be asked"); n < 1 || n > 3 {
				t.Errorf("%d lines in the log", n)
			}
		})
	}
}

// However many sessions clients make up, Redis is asked a few times a second.
func TestMadeUpSessionsAreCheap(t *testing.T) {
	r, m := newCluster(t, 1)
	began := time.Now()
	monitor := r.Monitor()
	var clients sync.WaitGroup
	for c := range 20 {
		clients.Go(func() {
			for i := range 20 {
				response, err := wire.Do(m[0].addr, wire.Request{Method: "GET", Target: target("polling", fmt.Sprintf("%030d", c*1000+i))}, patience)
				if err != nil || response.Code != 400 {
					t.Errorf("%v %v", response, err)
					return
				}
			}
		})
	}
	clients.Wait()
	most := int(time.Since(began)/pace) + 2
	rounds := 0
	for len(monitor.Commands) > 0 {
		if command := <-monitor.Commands; command[0] == "smembers" || command[0] == "SMEMBERS" {
			rounds++
		}
	}
	if rounds == 0 || rounds > most {
		t.Errorf("Redis was asked %d times for 400 requests, want at most %d", rounds, most)
	}
	if n := m[0].Stats().Unknown; n != 400 {
		t.Errorf("%d unknown", n)
	}
}

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
	defer func() { balancer.Close(); m[0].idle(); m[1].idle() }()
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
		{header("")}, {header(" 198.51.100.1:1")}, {header("wrong 198.51.100.1:1")}, {header(m[0].tag + " 198.51.100.1:1")},
		{header(m[1].key + "x 198.51.100.1:1")}, {header("x"), header(m[1].key + " 198.51.100.1:1")},
	} {
		got := m[1].request(t, "POST", target("polling", sid), "4x", marks...)
		seen := m[1].last(t)
		if got.Code != 200 || got.Get(nodeHeader) != "" || !strings.HasPrefix(seen.RemoteAddr, "127.0.0.1:") || seen.Header.Get(ForwardedHeader) != "" {
			t.Errorf("%v: %d %v; seen from %s with %v", marks, got.Code, got.Headers, seen.RemoteAddr, seen.Header)
		}
		// It keeps its own request from being forwarded, that is all.
		expectUnknown(t, fmt.Sprint(marks), m[0].request(t, "POST", target("polling", sid), "4x", marks...))
	}
	// Nor can it take the mark, or the address, off what is forwarded.
	got := m[0].request(t, "POST", target("polling", sid), "4x", wire.Header{Name: "Connection", Value: "close, X-Gateway-Forwarded, X-Forwarded-For"},
		wire.Header{Name: "X-Forwarded-For", Value: "198.51.100.7"}, wire.Header{Name: "X-Forwarded-For", Value: "198.51.100.8"})
	seen := m[1].last(t)
	if got.Code != 200 || seen.Header.Get("X-Forwarded-For") != "198.51.100.7, 198.51.100.8, 127.0.0.1" || !strings.HasPrefix(seen.RemoteAddr, "127.0.0.1:") {
		t.Errorf("%d; seen from %s with %v", got.Code, seen.RemoteAddr, seen.Header)
	}
}

// The owner sees the address and port that the client has at the node it connected to.
func TestTheClientsAddressIsPreserved(t *testing.T) {
	_, m := newCluster(t, 2)
	sid := m[1].open(t)
	c, err := wire.Dial(m[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do(wire.Request{Method: "POST", Target: target("polling", sid), Body: "4x"}, patience); err != nil {
		t.Fatal(err)
	}
	if got := m[1].last(t).RemoteAddr; got != c.LocalAddr().String() {
		t.Errorf("got %s, want %s", got, c.LocalAddr())
	}
	ws, err := wire.DialWebSocket(m[0].addr, target("websocket", sid))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if got := m[1].last(t); got.RemoteAddr != ws.LocalAddr().String() || got.Header.Get("X-Forwarded-For") != "127.0.0.1" {
		t.Errorf("got %s %v, want %s", got.RemoteAddr, got.Header, ws.LocalAddr())
	}
}

// Something that is no node listens at a node's address: nothing that it says reaches the client, and no redirect is
// followed.
func TestSomethingElseAtANodesAddress(t *testing.T) {
	r, m := newCluster(t, 1)
	var asked atomic.Int64
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch {
		case strings.Contains(r.URL.RawQuery, "redirect"):
			http.Redirect(w, r, "/secret", http.StatusFound)
		case r.Header.Get("Upgrade") != "":
			w.Header().Set("Upgrade", "websocket")
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
	if refused, err := wire.DialWebSocket(m[0].addr, target("websocket", sid)); refused == nil || string(refused.Answer.Body) != "Session ID unknown" {
		t.Errorf("WebSocket: %+v, %v", refused, err)
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("it was asked %d times", n)
	}
}

// An owner accepts connections and says nothing.
func TestSilentOwner(t *testing.T) {
	r, m := newCluster(t, 1, func(o *Options) { o.AnswerTimeout = 200 * time.Millisecond })
	i := newImpostor(t, r)
	expectUnknown(t, "a poll", m[0].request(t, "GET", target("polling", i.session()), ""))
	expectUnknown(t, "a post", m[0].request(t, "POST", target("polling", i.session()), "4x"))
	if refused, err := wire.DialWebSocket(m[0].addr, target("websocket", i.session())); refused == nil || string(refused.Answer.Body) != "Session ID unknown" {
		t.Errorf("WebSocket: %+v, %v", refused, err)
	}
	if s := m[0].Stats(); s.Failed != 3 {
		t.Errorf("%+v", s)
	}
}

// Requests that a careless proxy would take for another number of requests, or other headers, than its backend.
func TestSmuggling(t *testing.T) {
	r, m := newCluster(t, 1)
	i := newImpostor(t, r)
	answer := "HTTP/1.1 200 OK\r\nX-Gateway-Node: " + i.tag + "\r\nContent-Length: 2\r\n\r\nok"
	path := target("polling", i.session())
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	tests := map[string]string{
		"chunks that a length contradicts": "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"2\r\n4x\r\n0\r\n\r\n",
		"a length that chunks contradict": "POST " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" + smuggled,
		"two lengths":                     "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\n" + smuggled,
		"an odd coding":                   "POST " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \vchunked\r\nContent-Length: 30\r\n\r\n" + smuggled,
		"a coding with a space":           "POST " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + smuggled,
		"a folded header":                 "GET " + path + " HTTP/1.1\r\nHost: x\r\nA: b\r\n X-Gateway-Forwarded: k 1.1.1.1:1\r\n\r\n",
		"a line end in the path":          "GET " + path + "%0d%0aX-Gateway-Forwarded:%20k HTTP/1.1\r\nHost: x\r\n\r\n",
		"hop-by-hop headers": "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, A\r\nA: b\r\nKeep-Alive: timeout=9\r\nProxy-Connection: x\r\n" +
			"Proxy-Authorization: x\r\nTE: deflate\r\nTrailer: B\r\nUpgrade: h2c\r\n\r\n",
		"an upgrade with a body": "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, Sec-Secret\r\nUpgrade: websocket\r\nSec-Secret: x\r\nContent-Length: 38\r\n\r\n" + smuggled,
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
			owner.SetDeadline(time.Now().Add(patience))
			in := bufio.NewReader(owner)
			got, err := http.ReadRequest(in)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, got.Body); err != nil {
				t.Fatal(err)
			}
			if got.RequestURI != strings.Fields(text)[1] || len(got.Header[ForwardedHeader]) != 1 || !strings.HasPrefix(got.Header.Get(ForwardedHeader), "k 127.0.0.1:") {
				t.Errorf("the owner got %s %v", got.RequestURI, got.Header)
			}
			upgrade := strings.Contains(text, "websocket")
			for _, h := range []string{"A", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Upgrade", "Sec-Secret"} {
				if v := got.Header.Get(h); v != "" && !(h == "Upgrade" && upgrade) && !(name == "a folded header" && h == "A") {
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
			// The connection has no more requests than the client meant to send; what it smuggled is its own next request at most.
			owner.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if rest, _ := io.ReadAll(in); len(rest) > 0 {
				t.Errorf("the owner got more: %q", rest)
			}
		})
	}
}

// Requests reach the owner as they were sent, byte for byte where it matters.
func TestTheRequestLineIsKept(t *testing.T) {
	_, m := newCluster(t, 2)
	sid := m[1].open(t)
	for _, uri := range []string{
		"/engine.io/?EIO=4&transport=polling&sid=" + sid + "&t=a;b&x=%zz&&y=%2F+%20",
		"/engine.io/a%2Fb//c/../d?sid=x&transport=polling&EIO=4&sid=" + sid,
	} {
		got := m[0].request(t, "POST", uri, "4x", wire.Header{Name: "Cookie", Value: "io=1; a=b"}, wire.Header{Name: "Origin", Value: "http://a.example"})
		seen := m[1].last(t)
		if got.Code != 200 || seen.RequestURI != uri || seen.Host != "localhost" || seen.Header.Get("Cookie") != "io=1; a=b" || seen.Header.Get("Origin") == "" || seen.Header.Get("User-Agent") != "" {
			t.Errorf("%d: got %s %s %v\nwant %s", got.Code, seen.Host, seen.RequestURI, seen.Header, uri)
		}
	}
}

func TestBodies(t *testing.T) {
	_, m := newCluster(t, 2)
	sid := m[1].open(t)
	largest := "4" + strings.Repeat("x", 999_999)
	if got := m[0].request(t, "POST", target("polling", sid), largest); got.Code != 200 {
		t.Errorf("1,000,000 bytes: %d %q", got.Code, got.Body)
	}
	if got := m[0].request(t, "GET", target("polling", sid), ""); string(got.Body) != largest {
		t.Errorf("their echo: %d, %d bytes", got.Code, len(got.Body))
	}
	for _, body := range []string{largest + "x", strings.Repeat(largest, 20)} {
		direct := m[1].request(t, "POST", target("polling", sid), body)
		if got := m[0].request(t, "POST", target("polling", sid), body); got.Code != 413 || direct.Code != 413 {
			t.Errorf("%d bytes: %d, directly %d", len(body), got.Code, direct.Code)
		}
	}
	chunked := wire.Request{Method: "POST", Target: target("polling", sid), Headers: []wire.Header{{Name: "Transfer-Encoding", Value: "chunked"}},
		Body: "3\r\n4he\r\n3\r\nllo\r\n0\r\n\r\n"}
	if got, err := wire.Do(m[0].addr, chunked, patience); err != nil || got.Code != 200 {
		t.Errorf("chunks: %+v %v", got, err)
	}
	if got := m[0].request(t, "GET", target("polling", sid), ""); string(got.Body) != "4hello" {
		t.Errorf("their echo: %d %q", got.Code, got.Body)
	}
	big := "4" + strings.Repeat("y", 50_000)
	m[0].request(t, "POST", target("polling", sid), big)
	if got := m[0].request(t, "GET", target("polling", sid), "", wire.Header{Name: "Accept-Encoding", Value: "gzip"}); got.Get("Content-Encoding") != "gzip" || len(got.Body) > 10_000 {
		t.Errorf("compressed: %d, %d bytes %v", got.Code, len(got.Body), got.Headers)
	}
}

// A client goes away during a poll: the owner must know, as it would without the node between them.
func TestAClientThatLeavesItsPoll(t *testing.T) {
	_, m := newCluster(t, 2)
	sid := m[1].open(t)
	c, err := wire.Dial(m[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(wire.Request{Method: "GET", Target: target("polling", sid)}.Bytes()); err != nil {
		t.Fatal(err)
	}
	until(t, "the poll is forwarded", func() bool { return m[1].Stats().Received == 1 })
	c.Close()
	until(t, "the session ends", func() bool { return m[1].engine.Sessions() == 0 })
}

// A node that stops ends what it forwards; a poll is answered as by a node that knows nothing of it.
func TestCut(t *testing.T) {
	_, m := newCluster(t, 2)
	sid, polling := m[1].open(t), m[1].open(t)
	ws, err := wire.DialWebSocket(m[0].addr, target("websocket", sid))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	c, err := wire.Dial(m[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(wire.Request{Method: "GET", Target: target("polling", polling)}.Bytes()); err != nil {
		t.Fatal(err)
	}
	until(t, "the poll is forwarded", func() bool { return m[1].Stats().Received == 2 })
	m[0].Cut()
	c.SetReadDeadline(time.Now().Add(patience))
	answer, err := c.ReadResponse("GET")
	if err != nil {
		t.Fatal(err)
	}
	expectUnknown(t, "the poll", answer)
	ws.SetReadDeadline(time.Now().Add(patience))
	if f, err := ws.ReadFrame(); err == nil {
		t.Errorf("the tunnel goes on: %q", f.Payload)
	}
	expectUnknown(t, "another", m[0].request(t, "GET", target("polling", polling), ""))
	if refused, err := wire.DialWebSocket(m[0].addr, target("websocket", sid)); refused == nil || refused.Answer.Code != 400 {
		t.Errorf("WebSocket: %+v, %v", refused, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := m[0].Close(ctx); err != nil {
		t.Error(err)
	}
}
