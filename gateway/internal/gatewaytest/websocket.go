package gatewaytest

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// A WebSocket is a client's end of a WebSocket connection.
type WebSocket struct {
	net.Conn
	in io.Reader
}

// DialWebSocket opens a WebSocket connection; an http URL will do.
func DialWebSocket(t testing.TB, url string) *WebSocket {
	t.Helper()
	conn, early, _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	c := &WebSocket{Conn: conn, in: conn}
	if early != nil {
		c.in = io.MultiReader(io.LimitReader(early, int64(early.Buffered())), conn)
	}
	return c
}

// Send sends a text message.
func (c *WebSocket) Send(t testing.TB, text string) {
	t.Helper()
	if err := wsutil.WriteClientText(c.Conn, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// Receive waits for the next text message.
func (c *WebSocket) Receive(t testing.TB) string {
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

// Upgrade takes a polling client to WebSocket, at its own node or where its URL now leads to.
func (c *Client) Upgrade() *WebSocket {
	c.t.Helper()
	w := DialWebSocket(c.t, strings.Replace(c.URL, "transport=polling", "transport=websocket", 1))
	w.Send(c.t, "2probe")
	if got := w.Receive(c.t); got != "3probe" {
		c.t.Fatalf("the probe is answered %q", got)
	}
	c.Receive(1) // the poll that has waited, or one more, ends with a noop
	w.Send(c.t, "5")
	return w
}
