package forward

// What clients and owners see of a request that goes through another node.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// It is the same whichever registry the nodes find each other by.
func TestAnyNodeServesAnyRequest(t *testing.T) {
	t.Run("Redis", func(t *testing.T) {
		_, m := newCluster(t, 3)
		anyNodeServesAnyRequest(t, m)
	})
	t.Run("memory", func(t *testing.T) {
		anyNodeServesAnyRequest(t, joinAll(t, 3, new(memoryRegistry).shared))
	})
}

func anyNodeServesAnyRequest(t *testing.T, m []*member) {
	sid := m[0].open(t)
	for i := range 30 {
		text := fmt.Sprint("4message ", i)
		post := m[i%3].request(t, "POST", target("polling", sid), text,
			wire.Header{Name: "Content-Type", Value: "text/plain;charset=UTF-8"})
		if post.Code != 200 || string(post.Body) != "ok" {
			t.Fatalf("post %d: %d %q", i, post.Code, post.Body)
		}
		get := m[(i+1)%3].request(t, "GET", target("polling", sid), "")
		if get.Code != 200 || string(get.Body) != text {
			t.Fatalf("poll %d: %d %q", i, get.Code, get.Body)
		}
		for _, answer := range []*wire.Response{post, get} {
			all := fmt.Sprint(answer.Headers)
			if strings.Contains(all, m[0].addr) || strings.Contains(all, "X-Gateway") ||
				answer.Get("Access-Control-Allow-Origin") != "*" {
				t.Fatalf("answer %d: %v", i, all)
			}
		}
	}
	ws, err := wire.DialWebSocket(m[1].addr, target("websocket", sid))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	all := fmt.Sprint(ws.Answer.Headers)
	if strings.Contains(all, "X-Gateway") || ws.Answer.Get("Access-Control-Allow-Origin") != "*" {
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
	gone := join(t, inRedis(t, r))
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
		if refused == nil || refused.Answer.Code != 400 || string(refused.Answer.Body) != "Session ID unknown" ||
			refused.Answer.Get("Connection") != "close" {
			t.Errorf("%s: WebSocket: %+v, %v", name, refused, err)
		}
	}
	// Node.js checks the transport before it looks for the session.
	got := m[0].request(t, "GET", target("nonsense", sid), "")
	if string(got.Body) != `{"code":0,"message":"Transport unknown"}` {
		t.Errorf("got %q", got.Body)
	}
	got = m[0].request(t, "GET", target("nonsense", m[1].open(t)), "")
	if string(got.Body) != `{"code":0,"message":"Transport unknown"}` {
		t.Errorf("got %q", got.Body)
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
	got := m[1].last(t)
	if got.RemoteAddr != ws.LocalAddr().String() || got.Header.Get("X-Forwarded-For") != "127.0.0.1" {
		t.Errorf("got %s %v, want %s", got.RemoteAddr, got.Header, ws.LocalAddr())
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
		got := m[0].request(t, "POST", uri, "4x", wire.Header{Name: "Cookie", Value: "io=1; a=b"},
			wire.Header{Name: "Origin", Value: "http://a.example"})
		seen := m[1].last(t)
		if got.Code != 200 || seen.RequestURI != uri || seen.Host != "localhost" ||
			seen.Header.Get("Cookie") != "io=1; a=b" || seen.Header.Get("Origin") == "" ||
			seen.Header.Get("User-Agent") != "" {
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
	chunked := wire.Request{Method: "POST", Target: target("polling", sid),
		Headers: []wire.Header{{Name: "Transfer-Encoding", Value: "chunked"}},
		Body:    "3\r\n4he\r\n3\r\nllo\r\n0\r\n\r\n"}
	if got, err := wire.Do(m[0].addr, chunked, patience); err != nil || got.Code != 200 {
		t.Errorf("chunks: %+v %v", got, err)
	}
	if got := m[0].request(t, "GET", target("polling", sid), ""); string(got.Body) != "4hello" {
		t.Errorf("their echo: %d %q", got.Code, got.Body)
	}
	big := "4" + strings.Repeat("y", 50_000)
	m[0].request(t, "POST", target("polling", sid), big)
	got := m[0].request(t, "GET", target("polling", sid), "", wire.Header{Name: "Accept-Encoding", Value: "gzip"})
	if got.Get("Content-Encoding") != "gzip" || len(got.Body) > 10_000 {
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

// A trace that a balancer has begun goes on at the owner, over both ways.
func TestTheTraceGoesOn(t *testing.T) {
	_, m := newCluster(t, 2)
	sid := m[0].open(t)
	trace := wire.Header{Name: "traceparent", Value: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	m[1].request(t, "POST", target("polling", sid), "4hello", trace)
	if got := m[0].last(t).Header.Get("Traceparent"); got != trace.Value {
		t.Errorf("the owner of a POST got traceparent %q", got)
	}
	ws, err := wire.DialWebSocket(m[1].addr, target("websocket", sid), trace)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if got := m[0].last(t).Header.Get("Traceparent"); got != trace.Value {
		t.Errorf("the owner of a WebSocket got traceparent %q", got)
	}
}
