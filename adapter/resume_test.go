package adapter_test

// Sessions are resumed however busy the server is that a client comes to, and are not lost where that fails.

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
	"github.com/brunossouza/websocket-escalonavel/test/relay"
)

// A left is a client that has lost its connection, and whose session Redis has.
type left struct {
	*fleet.Client
	key, offset string
}

// leave connects a client to a server, and ends its connection.
func leave(t *testing.T, redis *fleet.Redis, n *fleet.GoNode) *left {
	t.Helper()
	c := &left{Client: fleet.Dial(t, n.URL, "/")}
	c.key = "sio:session:" + c.PID
	c.Ask(`["join","all"]`)
	n.To("all").Emit("before")
	text := c.Next()
	c.offset = strings.Split(text[strings.LastIndex(text, `,"`)+2:], `"`)[0]
	c.Close()
	if !await.Until(fleet.Patience, func() bool { return n.SocketCount() == 0 && c.isSaved(redis) }) {
		t.Fatal("the session is not saved")
	}
	return c
}

func (c *left) isSaved(redis *fleet.Redis) bool { return redis.Do("EXISTS", c.key) == int64(1) }

// resumes expects that the client gets its session, and has missed these events.
func (c *left) resumes(t *testing.T, n *fleet.GoNode, missed ...string) {
	t.Helper()
	again := fleet.Resume(t, n.URL, "/", c.PID, c.offset)
	if again.ID != c.ID || again.PID != c.PID {
		t.Errorf("resumed as %s, want %s", again.ID, c.ID)
	}
	var got []string
	for _, text := range again.Missed {
		_, payload := again.Split(text)
		got = append(got, strings.Split(payload, `"`)[1])
	}
	if fmt.Sprint(got) != fmt.Sprint(missed) {
		t.Errorf("missed %q, want %q", got, missed)
	}
	if rooms := n.Adapter().SocketRooms(c.ID); len(rooms) != 2 {
		t.Errorf("in the rooms %v", rooms)
	}
}

// busy keeps a server from delivering anything until the returned function is called.
func busy(t *testing.T, n *fleet.GoNode) (free func()) {
	t.Helper()
	line := n.Adapter().(interface {
		EnqueueWait(ctx context.Context, size int, f func()) error
	})
	ctx, free := context.WithCancel(t.Context())
	if err := line.EnqueueWait(ctx, 0, func() { <-ctx.Done() }); err != nil {
		t.Fatal(err)
	}
	return free
}

// Of a killed server's 15,000 clients 636 got new sessions, and missed 1,501 messages: the servers that they came to
// were busy for more than 2 s, which was all that Redis and they had together.
func TestResumeAtABusyServer(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	a, b := recovering.start(t, redis.URL()), recovering.start(t, redis.URL())
	c := leave(t, redis, a)
	free := busy(t, b)
	time.AfterFunc(3*time.Second, free)
	a.To("all").Emit("meanwhile")
	c.resumes(t, b, "meanwhile")
}

// A client does not wait for a busy server to resume its session, and goes to another one.
func TestResumeElsewhere(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	a, b := recovering.start(t, redis.URL()), recovering.start(t, redis.URL())
	c := leave(t, redis, a)
	free := busy(t, b)
	defer free()
	url := "ws" + strings.TrimPrefix(b.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
	conn, _, _, err := ws.Dial(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := fmt.Sprintf(`40{"pid":%q,"offset":%q}`, c.PID, c.offset)
	if err := wsutil.WriteClientText(conn, []byte(hello)); err != nil {
		t.Fatal(err)
	}
	if !await.Until(fleet.Patience, func() bool { return !c.isSaved(redis) }) {
		t.Fatal("the server does not take the session")
	}
	a.To("all").Emit("meanwhile")
	conn.Close()
	if !await.Until(fleet.Patience, func() bool { return c.isSaved(redis) }) {
		t.Fatal("the server does not give it back")
	}
	c.resumes(t, a, "meanwhile")
}

// A connection to Redis ends with the answer on it that a session was taken out with.
func TestResumeWhereTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	var session atomic.Value
	session.Store([]byte(nil))
	cuts := make(chan bool, 1)
	r := relay.Start(t, func() (net.Conn, error) { return net.Dial("tcp", redis.Addr) }, func(to, from net.Conn) {
		defer to.Close()
		defer from.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if s := session.Load().([]byte); s != nil && bytes.Contains(buf[:n], s) {
				select {
				case cuts <- true:
					return
				default:
				}
			}
			if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
				return
			}
		}
	})
	a, b := recovering.start(t, redis.URL()), recovering.start(t, "redis://"+r.Addr)
	c := leave(t, redis, a)
	session.Store([]byte(redis.Do("GET", c.key).(string)))
	c.resumes(t, b)
	if len(cuts) == 0 {
		t.Error("no connection was cut")
	}
	if !await.Until(fleet.Patience, func() bool { return len(redis.Do("KEYS", "*"+c.PID+"*").([]any)) == 1 }) {
		t.Errorf("Redis has %v", redis.Do("KEYS", "*"))
	}
}

// What a server says comes back from Redis late: its clients get it at once then, and one that comes before it is back
// gets it too.
func TestResumeBeforeTheServersOwnBroadcastIsBack(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	held, release := context.WithCancel(t.Context())
	defer release()
	var holds atomic.Bool
	var reading sync.Map // by the server's end of a connection: whether it reads a stream
	r := relay.Start(t, func() (net.Conn, error) { return net.Dial("tcp", redis.Addr) }, func(to, from net.Conn) {
		defer to.Close()
		defer from.Close()
		toRedis := to.RemoteAddr().String() == redis.Addr
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if toRedis {
				reading.Store(from, bytes.Contains(buf[:n], []byte("xread")))
			} else if is, _ := reading.Load(to); is == true && holds.Load() {
				<-held.Done()
			}
			if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
				return
			}
		}
	})
	a, b := recovering.start(t, redis.URL()), recovering.start(t, "redis://"+r.Addr)
	c := leave(t, redis, a)
	listener := fleet.Dial(t, b.URL, "/")
	listener.Ask(`["join","all"]`)
	holds.Store(true)
	b.To("all").Emit("early")
	listener.Expect(`["early"]`)
	time.AfterFunc(300*time.Millisecond, release)
	c.resumes(t, b, "early")
}
