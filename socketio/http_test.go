package socketio

// The whole stack: real HTTP, real WebSockets, the real Engine.IO server.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

func startServer(t *testing.T, opts Options) (*Server, string) {
	t.Helper()
	srv := NewServer(opts)
	hs := httptest.NewServer(srv)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		hs.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return srv, strings.TrimPrefix(hs.URL, "http://")
}

// wsClient is a client over WebSocket.
type wsClient struct {
	t    *testing.T
	conn net.Conn
	r    io.Reader
	sid  string
}

func dialWS(t *testing.T, addr string) *wsClient {
	t.Helper()
	conn, br, _, err := ws.Dial(t.Context(), "ws://"+addr+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	c := &wsClient{t: t, conn: conn, r: conn}
	if br != nil {
		c.r = io.MultiReader(br, conn)
	}
	t.Cleanup(func() { conn.Close() })
	if f := c.read(); !strings.HasPrefix(f, `0{"sid":`) {
		t.Fatalf("opened with %s", f)
	}
	return c
}

func (c *wsClient) send(frames ...string) {
	c.t.Helper()
	for _, f := range frames {
		op := ws.OpText
		if b, ok := strings.CutPrefix(f, "bin:"); ok {
			op, f = ws.OpBinary, b
		}
		if err := wsutil.WriteClientMessage(c.conn, op, []byte(f)); err != nil {
			c.t.Fatal(err)
		}
	}
}

// read is the next message; "closed" at the end.
func (c *wsClient) read() string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	b, op, err := wsutil.ReadServerData(struct {
		io.Reader
		io.Writer
	}{c.r, c.conn})
	switch {
	case err != nil && (strings.Contains(err.Error(), "closed") || err == io.EOF):
		return "closed"
	case err != nil:
		c.t.Fatal(err)
	case op == ws.OpBinary:
		return "bin:" + string(b)
	}
	return string(b)
}

func (c *wsClient) want(frames ...string) {
	c.t.Helper()
	for _, want := range frames {
		got := c.read()
		if sid, ok := between(got, `40{"sid":"`, `"`); ok {
			c.sid = sid
			got = strings.Replace(got, sid, "<SID>", 1)
		}
		if got != want {
			c.t.Fatalf("received %s, want %s", got, want)
		}
	}
}

func TestOverWebSocket(t *testing.T) {
	srv, addr := startServer(t, Options{})
	reasons := make(chan Reason, 10)
	srv.OnDisconnect(func(_ *Socket, r Reason) { reasons <- r })
	srv.On("join", func(e *Event) error { e.Socket().Join("room"); return e.Ack() })
	srv.On("say", func(e *Event) error {
		if h := e.Socket().Handshake(); h.Address != "127.0.0.1" || h.Host != addr || h.Query.Get("EIO") != "4" {
			t.Errorf("handshake %+v", h)
		}
		return srv.To("room", e.Socket().ID()).Emit("said", e.Raw(0))
	})
	a, b := dialWS(t, addr), dialWS(t, addr)
	for _, c := range []*wsClient{a, b} {
		c.send("40", `421["join"]`)
		c.want(`40{"sid":"<SID>"}`, `431[]`)
	}
	a.send(`42["say","héllo"]`)
	a.want(`42["said","héllo"]`)
	b.want(`42["said","héllo"]`)
	b.send(`451-["say",{"x":{"_placeholder":true,"num":0}}]`, "bin:\x01\x02")
	for _, c := range []*wsClient{a, b} {
		c.want(`451-["said",{"x":{"_placeholder":true,"num":0}}]`, "bin:\x01\x02")
	}
	if srv.Sessions() != 2 || srv.SocketCount() != 2 {
		t.Errorf("%d sessions, %d sockets", srv.Sessions(), srv.SocketCount())
	}
	for i := range 500 {
		if err := srv.To("room").Emit("n", i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 500 {
		a.want(fmt.Sprintf(`42["n",%d]`, i))
		b.want(fmt.Sprintf(`42["n",%d]`, i))
	}

	a.send(`42{}`)
	a.want("closed")
	if r := receive(t, "the parse error", reasons); r != ReasonForcedClose {
		t.Errorf("reason %q", r)
	}
	b.conn.Close()
	if r := receive(t, "the close", reasons); r != ReasonTransportClose {
		t.Errorf("reason %q", r)
	}

	c, d := dialWS(t, addr), dialWS(t, addr)
	c.send("40")
	c.want(`40{"sid":"<SID>"}`)
	srv.Socket(c.sid).Disconnect(true)
	c.want("41", "closed")
	if r := receive(t, "the disconnection", reasons); r != ReasonServerDisconnect {
		t.Errorf("reason %q", r)
	}
	d.send("40")
	d.want(`40{"sid":"<SID>"}`)
	down := make(chan error, 1)
	go func() { down <- srv.Shutdown(t.Context()) }()
	d.want("closed")
	if err := receive(t, "Shutdown returns", down); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if r := receive(t, "the shutdown", reasons); r != ReasonServerShutdown {
		t.Errorf("reason %q", r)
	}
}

func TestConnectTimeoutOverWebSocket(t *testing.T) {
	srv, addr := startServer(t, Options{ConnectTimeout: 30 * time.Millisecond})
	dialWS(t, addr).want("closed")
	eventually(t, "no session is left", func() bool { return srv.Sessions() == 0 })
}

func TestOverPolling(t *testing.T) {
	srv, addr := startServer(t, Options{PingInterval: time.Hour})
	srv.On("echo", func(e *Event) error { return e.Ack(e.Raw(0), []byte("x")) })
	base := "http://" + addr + "/socket.io/?EIO=4&transport=polling"
	do := func(method, url, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d %s, %v", res.StatusCode, b, err)
		}
		return string(b)
	}
	sid, _ := between(do("GET", base, ""), `"sid":"`, `"`)
	url := base + "&sid=" + sid
	do("POST", url, `40{"token":1}`)
	if f := do("GET", url, ""); !strings.HasPrefix(f, `40{"sid":"`) {
		t.Fatalf("received %s", f)
	}
	do("POST", url, "427[\"echo\",1.50]\x1e428[\"echo\",\"two\"]")
	want := "461-7[1.50,{\"_placeholder\":true,\"num\":0}]\x1ebeA==\x1e" +
		"461-8[\"two\",{\"_placeholder\":true,\"num\":0}]\x1ebeA=="
	got := ""
	for len(got) < len(want) {
		if got != "" {
			got += "\x1e"
		}
		got += do("GET", url, "")
	}
	if got != want {
		t.Errorf("received %q", got)
	}
	do("POST", url, "41")
	eventually(t, "the socket has left", func() bool { return srv.SocketCount() == 0 })
	do("POST", url, "1")
}

// A client may take its CONNECT packet as proof that it is reachable: a broadcast made from then on reaches it. The
// socket once became reachable a moment after the packet was queued, and on a busy machine a broadcast fell in
// between.
func TestNoBroadcastMissesAClientThatIsConnected(t *testing.T) {
	srv, addr := startServer(t, Options{})
	seen := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			if _, more := <-seen; !more {
				return
			}
			if err := srv.Emit("all", i); err != nil {
				t.Error(err)
			}
		}
	}()
	defer close(seen)
	for i := range 300 {
		c := dialWS(t, addr)
		c.send("40")
		if f := c.read(); !strings.HasPrefix(f, `40{"sid":`) {
			t.Fatalf("connected with %s", f)
		}
		seen <- struct{}{}
		c.want(fmt.Sprintf(`42["all",%d]`, i))
		if err := c.conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
