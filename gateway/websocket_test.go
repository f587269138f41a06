package gateway

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// A wsClient is one end of a WebSocket connection.
type wsClient struct {
	net.Conn
	in io.Reader
}

func dialWebSocket(t testing.TB, url string) *wsClient {
	t.Helper()
	conn, early, _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	c := &wsClient{Conn: conn, in: conn}
	if early != nil {
		c.in = io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn)
	}
	return c
}

func (c *wsClient) write(t testing.TB, text string) {
	t.Helper()
	if err := wsutil.WriteClientText(c.Conn, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func (c *wsClient) read(t testing.TB) string {
	t.Helper()
	got, err := wsutil.ReadServerText(struct {
		io.Reader
		io.Writer
	}{c.in, c.Conn})
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// upgrade takes a polling client to WebSocket at a node, its own or another.
func (c *pollingClient) upgrade(url string) *wsClient {
	c.t.Helper()
	w := dialWebSocket(c.t, strings.Replace(url, "transport=polling", "transport=websocket", 1))
	w.write(c.t, "2probe")
	if got := w.read(c.t); got != "3probe" {
		c.t.Fatalf("the probe is answered %q", got)
	}
	c.receive(1) // the poll that has waited, or one more, ends with a noop
	w.write(c.t, "5")
	return w
}

// leave ends the session.
func (c *pollingClient) leave() {
	c.t.Helper()
	response, err := c.http.Post(c.url, "text/plain", strings.NewReader("1"))
	if err != nil {
		c.t.Fatal(err)
	}
	response.Body.Close()
}
