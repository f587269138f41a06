package fleet

// Node.js servers: processes that run test/js/cluster/server.mjs and take commands over stdin.

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
)

// A Node is a Socket.IO server on Node.js with a cluster adapter.
type Node struct {
	URL string
	// Heard receives the server-side events, as JSON arrays.
	Heard chan string

	t      testing.TB
	stdin  io.WriteCloser
	stderr child.Output

	mu      sync.Mutex
	id      int
	answers map[int]chan nodeLine
	failed  []string // what the server reports as its own faults
}

type nodeLine struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
	Port   string          `json:"port"`
	Heard  json.RawMessage `json:"heard"`
	Wrong  string          `json:"wrong"`
}

// StartNode starts a Node.js server on a Redis. options are those of createAdapter, as JSON. The server ends with the
// test, which fails if the server has reported a fault.
func StartNode(t testing.TB, redisURL, options string) *Node {
	t.Helper()
	return startScript(t, "server.mjs", redisURL, options)
}

// StartEmitter starts a Node.js process with @socket.io/redis-emitter, which has options, as JSON, and no URL. Of the
// commands it knows emit, join, leave, disconnect and tell.
func StartEmitter(t testing.TB, redisURL, options string) *Node {
	t.Helper()
	return startScript(t, "emitter.mjs", redisURL, options)
}

func startScript(t testing.TB, script, redisURL, options string) *Node {
	t.Helper()
	needs.NodeJS(t)
	_, file, _, _ := runtime.Caller(0)
	cmd := exec.Command("node", filepath.Join(filepath.Dir(file), "../../js/cluster", script))
	cmd.Env = append(cmd.Environ(), "REDIS_URL="+redisURL, "ADAPTER_OPTIONS="+options)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	n := &Node{t: t, Heard: make(chan string, 1024), answers: make(map[int]chan nodeLine)}
	cmd.Stderr = &n.stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	n.stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	port := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.listen(stdout, port)
	}()
	t.Cleanup(func() {
		stdin.Close() // which ends the server
		kill := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		<-done
		cmd.Wait()
		kill.Stop()
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.failed) > 0 || n.stderr.String() != "" {
			t.Errorf("Node.js server: %q\n%s", n.failed, n.stderr.String())
		}
	})
	select {
	case p := <-port:
		n.URL = "http://127.0.0.1:" + p
	case <-done:
		t.Fatalf("Node.js server ended: %s", n.stderr.String())
	case <-time.After(60 * time.Second):
		t.Fatal("Node.js server does not start")
	}
	return n
}

func (n *Node) listen(stdout io.Reader, port chan<- string) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var l nodeLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			l.Wrong = "not a line of the protocol: " + lines.Text()
		}
		switch {
		case l.Port != "":
			port <- l.Port
		case l.Wrong != "":
			n.mu.Lock()
			n.failed = append(n.failed, l.Wrong)
			n.mu.Unlock()
		case l.Heard != nil:
			n.Heard <- string(l.Heard)
		default:
			n.mu.Lock()
			c := n.answers[l.ID]
			delete(n.answers, l.ID)
			n.mu.Unlock()
			if c != nil {
				c <- l
			}
		}
	}
}

// A Command tells a Node.js server what to do. Binary values in Args, and in results, are {"$binary": "<base64>"}.
type Command struct {
	ID        int      `json:"id"`
	Do        string   `json:"do"` // emit, ask, fetch, rooms, sockets, join, leave, disconnect, tell, tellAll
	Namespace string   `json:"namespace"`
	To        []string `json:"to"`
	Except    []string `json:"except"`
	Flags     []string `json:"flags"` // volatile, local, no compress
	Args      any      `json:"args"`
	Times     int      `json:"times"` // how often to emit, with the number as the last argument; 0 is once, without it
}

// Do has the server do something and returns the result.
func (n *Node) Do(c Command) json.RawMessage {
	n.t.Helper()
	return n.Go(c)()
}

// Go starts what Do does; result waits for it.
func (n *Node) Go(c Command) (result func() json.RawMessage) {
	n.t.Helper()
	answer := n.start(c)
	return func() json.RawMessage {
		n.t.Helper()
		select {
		case l := <-answer:
			if l.Error != "" {
				n.t.Fatalf("Node.js server: %+v: %s", c, l.Error)
			}
			return l.Result
		case <-time.After(Patience):
			n.t.Fatalf("Node.js server: %+v: no answer\n%s", c, n.stderr.String())
			return nil
		}
	}
}

func (n *Node) start(c Command) <-chan nodeLine {
	n.t.Helper()
	if c.Namespace == "" {
		c.Namespace = "/"
	}
	answer := make(chan nodeLine, 1)
	n.mu.Lock()
	n.id++
	c.ID = n.id
	n.answers[c.ID] = answer
	n.mu.Unlock()
	line, err := json.Marshal(c)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.stdin.Write(append(line, '\n')); err != nil {
		n.t.Fatalf("Node.js server: %v\n%s", err, n.stderr.String())
	}
	return answer
}
