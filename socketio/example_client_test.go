package socketio_test

// A client for the examples, which writes and reads the packets themselves. A browser has socket.io-client for that.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// serve serves srv on a free port. stop shuts it down.
func serve(srv *socketio.Server) (addr string, stop func()) {
	server := httptest.NewServer(srv)
	return server.Listener.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			fmt.Println("shutdown:", err)
		}
		server.Close()
	}
}

// client is a connection over WebSocket. Texts begin with Engine.IO's packet type, 4.
type client struct {
	conn   net.Conn
	frames io.Reader
}

// dial opens a connection and sends the packets given, the first of which is a CONNECT.
func dial(addr string, packets ...string) *client {
	conn, buffered, _, err := ws.Dial(context.Background(), "ws://"+addr+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		panic(err)
	}
	c := &client{conn: conn, frames: bufio.NewReader(conn)}
	if buffered != nil { // what came with the answer to the handshake
		c.frames = buffered
	}
	c.next() // Engine.IO's own
	c.send(packets...)
	return c
}

// send sends texts, and what begins with "bin:" as a binary message.
func (c *client) send(packets ...string) {
	for _, p := range packets {
		op := ws.OpText
		if b, ok := strings.CutPrefix(p, "bin:"); ok {
			op, p = ws.OpBinary, b
		}
		if err := wsutil.WriteClientMessage(c.conn, op, []byte(p)); err != nil {
			panic(err)
		}
	}
}

// next returns the next packet, or "closed".
func (c *client) next() string {
	data, op, err := wsutil.ReadServerData(struct {
		io.Reader
		io.Writer
	}{c.frames, c.conn})
	switch {
	case err != nil:
		return "closed"
	case op == ws.OpBinary:
		return "bin:" + string(data)
	}
	return string(data)
}

// print prints the next n packets. Of a CONNECT it leaves out the ids, which differ every time.
func (c *client) print(n int) {
	for range n {
		packet, _, _ := strings.Cut(c.next(), `{"sid"`)
		fmt.Println(packet)
	}
}

func (c *client) close() { _ = c.conn.Close() }
