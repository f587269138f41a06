package cluster

// Connection state recovery across servers, with the streams adapter: a client loses its server and resumes on another.

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/adapter"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/cluster/fleet"
)

// childRedis is the environment variable that makes this test binary a server. It holds the URL of the server's Redis.
const childRedis = "CLUSTER_TEST_CHILD_REDIS"

// runChild is a server. It prints its URL, broadcasts numbers to the room "all" once somebody is in it, and shuts down
// on SIGTERM.
func runChild(url string) int {
	r, err := adapter.Open(url, adapter.Options{})
	if err != nil {
		slog.Error("open", "error", err)
		return 1
	}
	io := socketio.NewServer(socketio.Options{
		ConnectionStateRecovery: recovery, Adapter: r.Streams(adapter.StreamsOptions{Recovery: recovery}),
	})
	io.On("join", func(e *socketio.Event) error {
		var room string
		err := e.Bind(&room)
		e.Socket().Join(room)
		_ = e.Ack()
		return err
	})
	io.On("data", func(e *socketio.Event) error {
		e.Socket().SetData(e.Raw(0))
		return e.Ack()
	})
	for !r.Stats().Up {
		<-r.Changed()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		slog.Error("listen", "error", err)
		return 1
	}
	go http.Serve(l, io)
	fmt.Println("http://" + l.Addr().String())
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	tick := time.NewTicker(3 * time.Millisecond)
	for i := 0; ; {
		select {
		case <-tick.C:
			if io.Adapter().(interface{ HasRoom(string) bool }).HasRoom("all") || i > 0 {
				io.To("all").Emit("n", "child", i)
				i++
			}
		case <-end:
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if io.Shutdown(ctx) != nil || r.Close(ctx) != nil {
				return 1
			}
			return 0
		}
	}
}

// A childNode is a Go server in a process of its own.
type childNode struct {
	url string
	cmd *exec.Cmd
}

func startChild(t *testing.T, redisURL string) *childNode {
	t.Helper()
	c := &childNode{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), childRedis+"="+redisURL)
	c.cmd.Stderr = t.Output()
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	c.url = line[:len(line)-1]
	go io.Copy(io.Discard, out)
	return c
}

// A traveller is a client that moves from server to server. It checks the numbers that it gets from each sender.
type traveller struct {
	*fleet.Client
	t      *testing.T
	offset string
	next   map[string]int
	count  int
	done   map[string]bool // the senders whose last number has come
	left   string          // the server that the client left
	since  map[string]bool // the senders that it has heard since
}

var (
	numbered  = regexp.MustCompile(`^42\["n","(\w+)",(\d+)(?:,"(\d+-\d+)")?\]$`)
	lastOne   = regexp.MustCompile(`^42\["last","(\w+)"(?:,"(\d+-\d+)")?\]$`)
	anyOffset = regexp.MustCompile(`,"(\d+-\d+)"\]`)
)

func (tr *traveller) take(text string) {
	if m := anyOffset.FindStringSubmatch(text); m != nil {
		tr.offset = m[1]
	}
	if m := lastOne.FindStringSubmatch(text); m != nil {
		tr.done[m[1]] = true
	}
	m := numbered.FindStringSubmatch(text)
	if m == nil {
		return
	}
	var number int
	fmt.Sscan(m[2], &number)
	want, known := tr.next[m[1]]
	if known && number < want && m[1] == "node" && tr.left == "node" {
		// Node.js delivers its own broadcasts once Redis has taken them, and those of others once it has read them: not
		// in the stream's order. So its client may know an offset that is older than the last of Node.js's numbers it
		// got.
		return
	}
	if known && number > want && m[1] != "node" && tr.left == "node" && !tr.since[m[1]] {
		// Or one that is newer than numbers of others that Node.js has yet to read: its client misses those.
		known = false
	}
	tr.since[m[1]] = true
	if known && number != want {
		tr.t.Fatalf("number %d of %s, want %d", number, m[1], want)
	}
	tr.next[m[1]] = number + 1
	tr.count++
}

// travel takes what comes, for at most d or until done.
func (tr *traveller) travel(d time.Duration, done func() bool) {
	tr.t.Helper()
	timeout := time.After(d)
	for !done() {
		select {
		case text, ok := <-tr.Messages:
			if !ok {
				return
			}
			tr.take(text)
		case <-timeout:
			return
		}
	}
}

func never() bool { return false }

// TestRecovery moves a client to another server while three servers broadcast all the time. The client must get each
// sender's numbers in order, none missing and none twice, and must find its rooms and its data.
func TestRecovery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, how, to string }{
		{"child", "cut", "go"},
		{"child", "SIGTERM", "go"},
		{"child", "SIGKILL", "go"},
		{"child", "SIGKILL", "node"},
		{"go", "cut", "go2"},
		{"go", "cut", "go"},
		{"go", "cut", "node"},
		{"node", "cut", "go"},
		{"go", "half-open", "go2"},
		{"go", "half-open", "go"},
	} {
		t.Run(c.from+" "+c.how+" "+c.to, func(t *testing.T) {
			t.Parallel()
			redis := fleet.StartRedis(t)
			mode := modes[4]
			node := fleet.StartNode(t, redis.URL(), mode.node)
			gos := map[string]*fleet.GoNode{"go": mode.start(t, redis.URL()), "go2": mode.start(t, redis.URL())}
			var ch *childNode
			urls := map[string]string{"node": node.URL, "go": gos["go"].URL, "go2": gos["go2"].URL}
			if c.from == "child" {
				ch = startChild(t, redis.URL())
				urls["child"] = ch.url
			}
			tr := &traveller{
				Client: fleet.Dial(t, urls[c.from], "/"), t: t, next: make(map[string]int), done: make(map[string]bool),
				since: make(map[string]bool),
			}
			tr.Ask(`["join","all"]`)
			tr.Send(`427["data",{"name":"Ana","b":[1.5,null,"é"]}]`)
			sid, pid := tr.ID, tr.PID

			// The adapter of Node.js loses what is broadcast while it restores a session, so the broadcasts pause then.
			var stop, pause atomic.Bool
			over := make(chan struct{}, 2)
			t.Cleanup(func() { stop.Store(true) })
			var said atomic.Int64
			wait := func() {
				said.Add(1)
				time.Sleep(2 * time.Millisecond)
				for pause.Load() && !stop.Load() {
					time.Sleep(time.Millisecond)
				}
			}
			go func() {
				for i := 0; !stop.Load(); i++ {
					gos["go2"].To("all").Emit("n", "go", i)
					wait()
				}
				gos["go2"].To("all").Emit("last", "go")
				over <- struct{}{}
			}()
			go func() {
				for i := 0; !stop.Load(); i++ {
					node.Do(fleet.Command{Do: "emit", To: []string{"all"}, Args: []any{"n", "node", i}})
					wait()
				}
				node.Do(fleet.Command{Do: "emit", To: []string{"all"}, Args: []any{"last", "node"}})
				over <- struct{}{}
			}()
			saved := time.Now().Add(1500 * time.Millisecond) // by then the session has been saved
			underWay := func() bool {
				return tr.count >= 200 && tr.next["go"] > 0 && tr.next["node"] > 0 && tr.offset != ""
			}
			tr.travel(fleet.Patience, func() bool { return time.Now().After(saved) && underWay() })
			if !underWay() {
				t.Fatalf("%d messages, %v, offset %q", tr.count, tr.next, tr.offset)
			}
			old := tr.Client
			tr.left, tr.since = c.from, make(map[string]bool)
			switch c.how {
			case "cut":
				tr.Close()
			case "SIGTERM":
				ch.cmd.Process.Signal(syscall.SIGTERM)
				tr.travel(10*time.Second, never) // until the server ends the connection
				tr.Close()
				if err := ch.cmd.Wait(); err != nil {
					t.Fatalf("child: %v", err)
				}
			case "SIGKILL":
				ch.cmd.Process.Kill()
				tr.travel(10*time.Second, never)
			}
			before := said.Load()
			time.Sleep(300 * time.Millisecond)
			await.Until(fleet.Patience, func() bool { return said.Load() >= before+100 }) // a busy machine says less
			if c.to == "node" {
				pause.Store(true)
				time.Sleep(100 * time.Millisecond)
			}
			start := time.Now()
			tr.Client = fleet.Resume(t, urls[c.to], "/", pid, tr.offset)
			took := time.Since(start)
			pause.Store(false)
			if tr.ID != sid || tr.PID != pid {
				t.Fatalf("not resumed: %s %s, want %s %s", tr.ID, tr.PID, sid, pid)
			}
			if len(tr.Missed) < 50 {
				t.Errorf("only %d missed", len(tr.Missed))
			}
			for _, text := range tr.Missed {
				tr.take(text)
			}
			tr.travel(500*time.Millisecond, never)
			if c.how == "half-open" {
				old.ExpectDisconnectAfterAll()
			}
			stop.Store(true)
			tr.travel(fleet.Patience, func() bool { return tr.done["go"] && tr.done["node"] })
			if !tr.done["go"] || !tr.done["node"] {
				t.Errorf("the end does not come: %v", tr.done)
			}
			<-over
			<-over
			t.Logf("resumed in %v with %d missed of %d messages",
				took.Round(time.Microsecond), len(tr.Missed), tr.count)

			// One socket is left, with its rooms and its data.
			var sockets []struct {
				ID    string
				Rooms []string
				Data  json.RawMessage
			}
			if err := json.Unmarshal(node.Do(fleet.Command{Do: "fetch"}), &sockets); err != nil {
				t.Fatal(err)
			}
			if len(sockets) != 1 || sockets[0].ID != sid ||
				!slices.Contains(sockets[0].Rooms, "all") || len(sockets[0].Rooms) != 2 ||
				!sameJSON(string(sockets[0].Data), `{"name":"Ana","b":[1.5,null,"é"]}`) {
				t.Errorf("sockets: %+v", sockets)
			}
		})
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

// TestNoRecovery asks for sessions that cannot be resumed. Each request must get a new session and harm nothing.
func TestNoRecovery(t *testing.T) {
	t.Parallel()
	redis := fleet.StartRedis(t)
	n, other := modes[4].start(t, redis.URL()), modes[4].start(t, redis.URL())
	saved := func(pid string) bool { return redis.Do("EXISTS", "sio:session:"+pid).(int64) == 1 }
	session := func(namespace string) (sid, pid, offset string) {
		c := fleet.Dial(t, n.URL, namespace)
		c.Ask(`["join","all"]`)
		n.Of(namespace).To("all").Emit("ev")
		text := c.Next()
		c.Close()
		if !await.Until(fleet.Patience, func() bool { return saved(c.PID) }) {
			t.Fatal("session is not saved")
		}
		return c.ID, c.PID, anyOffset.FindStringSubmatch(text)[1]
	}
	fresh := func(name, namespace, sid, pid, offset string) {
		t.Helper()
		c := fleet.Resume(t, other.URL, namespace, pid, offset)
		if c.ID == sid || c.PID == pid || len(c.Missed) > 0 {
			t.Errorf("%s: session %s %s, missed %v", name, c.ID, c.PID, c.Missed)
		}
		c.Ask(`["join","all"]`)
		c.Close()
	}
	sid, pid, offset := session("/")
	for _, garbage := range []string{
		"", "abc", "1", "-", "1-1-1", " 1-1", "1-1\n", "0-0", "99999999999999999999-1", "1-99999999999999999999",
		"(" + offset, "+", "$", offset + "9", "18446744073709551615-18446744073709551615",
	} {
		fresh("offset "+garbage, "/", sid, pid, garbage)
	}
	if c := fleet.Resume(t, other.URL, "/", pid, offset); c.ID != sid || c.PID != pid {
		t.Error("garbage has cost the session")
	}
	fresh("twice", "/", sid, pid, offset)
	fresh("unknown pid", "/", "", "nobody", offset)
	fresh("empty pid", "/", "", "", offset)

	_, _, elsewhere := session("/chat")
	sid, pid, offset = session("/")
	fresh("offset of another namespace", "/", sid, pid, elsewhere)
	fresh("session of another namespace", "/chat", sid, pid, offset)

	sid, pid, offset = session("/")
	redis.Do("XTRIM", "socket.io", "MAXLEN", "0")
	fresh("trimmed", "/", sid, pid, offset)

	for _, value := range []string{"", "!", "AAAA", "gA==", "kA==", "gqNzaWShYaNwaWSheA=="} {
		_, pid, offset = session("/")
		redis.Do("SET", "sio:session:"+pid, value)
		fresh("session "+value, "/", "", pid, offset)
	}
	_, pid, offset = session("/")
	redis.Do("DEL", "sio:session:"+pid)
	redis.Do("RPUSH", "sio:session:"+pid, "list")
	fresh("a list", "/", "", pid, offset)

	// A session whose client has left is gone.
	c := fleet.Dial(t, n.URL, "/")
	c.Ask(`["join","all"]`)
	n.To("all").Emit("ev")
	offset = anyOffset.FindStringSubmatch(c.Next())[1]
	if !await.Until(fleet.Patience, func() bool { return saved(c.PID) }) {
		t.Fatal("session is not saved while it lasts")
	}
	c.Send("41")
	if !await.Until(fleet.Patience, func() bool { return !saved(c.PID) }) {
		t.Fatal("session outlasts its client")
	}
	fresh("left", "/", c.ID, c.PID, offset)
}
