package adapter

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"websocket-escalonavel/socketio"
)

func startRedis(t *testing.T) string {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command("redis-server", "--port", fmt.Sprint(port), "--save", "", "--bind", "127.0.0.1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 100 {
		if c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			c.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Sprint("redis://127.0.0.1:", port)
}

type client struct {
	t    *testing.T
	conn net.Conn
	r    io.Reader
}

func dial(t *testing.T, url string) *client {
	conn, br, _, err := ws.Dial(context.Background(), "ws"+url[4:]+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn, r: conn}
	if br != nil {
		c.r = io.MultiReader(bufio.NewReader(io.LimitReader(br, int64(br.Buffered()))), conn)
	}
	c.read()
	c.send("40")
	c.read()
	return c
}
func (c *client) send(s string) { wsutil.WriteClientText(c.conn, []byte(s)) }
func (c *client) read() string {
	c.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b, _, err := wsutil.ReadServerData(struct {
		io.Reader
		io.Writer
	}{c.r, c.conn})
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

func TestTwoNodes(t *testing.T) {
	url := startRedis(t)
	var nodes []*socketio.Server
	var rs []*Redis
	var urls []string
	for range 2 {
		r, err := Open(url, Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		io := socketio.NewServer(socketio.Options{Adapter: r.PubSub()})
		io.OnConnect(func(s *socketio.Socket) error {
			s.Join("room")
			s.On("q", func(e *socketio.Event) error { return e.Ack("never") })
			return nil
		})
		io.Of("/").OnServerSideEmit("hi", func(args []socketio.Raw, reply func(any) error) { reply(map[string]any{"got": len(args)}) })
		ts := httptest.NewServer(io)
		t.Cleanup(ts.Close)
		nodes, rs, urls = append(nodes, io), append(rs, r), append(urls, ts.URL)
		for !r.Stats().Up {
			<-r.Changed()
		}
	}
	a, b := dial(t, urls[0]), dial(t, urls[1])
	nodes[0].To("room", "other").Emit("ev", map[string]any{"x": 1.5, "big": 1 << 40}, []byte{1, 2, 3}, nil, "é\n")
	t.Log(a.read(), "|", b.read(), "|", len(b.read()))
	nodes[0].To("room").Emit("one", 1)
	t.Log(b.read())
	s, err := nodes[0].Of("/").FetchSockets(context.Background())
	t.Log(len(s), err, s[1].Handshake().Headers, s[1].Rooms(), s[1].Data())
	ans, err := nodes[0].Of("/").ServerSideEmitWithAck(context.Background(), "hi", 1, "two")
	t.Log(ans, err)
	go func() {
		for {
			m := b.read()
			if strings.HasPrefix(m, "42") {
				var id int
				fmt.Sscanf(m, "42%d[", &id)
				b.send(fmt.Sprintf(`43%d["from b"]`, id))
				return
			}
		}
	}()
	go func() {
		for {
			m := a.read()
			var id int
			if n, _ := fmt.Sscanf(m, "42%d[", &id); n == 1 {
				a.send(fmt.Sprintf(`43%d["from a"]`, id))
				return
			}
		}
	}()
	rep, err := nodes[0].To("room").Timeout(2*time.Second).EmitWithAck(context.Background(), "ask", 1)
	t.Log(len(rep), err)
	for i := range rep {
		t.Log(string(rep[i].Raw(0).JSON()))
	}
	for i := range nodes {
		ctx, c := context.WithTimeout(context.Background(), time.Second)
		t.Log(nodes[i].Shutdown(ctx), rs[i].Close(ctx), rs[i].Stats())
		c()
	}
}
