package presence_test

// Servers of tests: processes of their own, so that they can be killed and frozen. Each is told over stdin who comes
// and goes there, and prints what presence tells it.

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/brunossouza/websocket-escalonavel/adapter/nats"
	"github.com/brunossouza/websocket-escalonavel/adapter/presence"
	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/child"
)

// childServer is the environment variable that makes the test program a server: its setup, as JSON.
const childServer = "PRESENCE_TEST_CHILD"

// childLease is the lease of those servers.
const childLease = 2 * time.Second

type setup struct {
	Redis   string
	History int
	NATS    string // in Redis' place, if not ""
}

// openStore opens the store of a server.
func (s setup) openStore() presence.Store {
	if s.NATS == "" {
		client := redis.NewClient(clientOptions(s.Redis))
		return presence.NewRedis(client, presence.RedisOptions{History: s.History})
	}
	broker, err := nats.Open(s.NATS, nats.Options{})
	if err != nil {
		panic(err)
	}
	return presence.NewReplicated(broker.Commands("presence"), presence.ReplicatedOptions{SnapshotEvery: 20})
}

// said is a line that a server prints.
type said struct {
	Change *presence.Change `json:",omitempty"`
	Stats  *presence.Stats  `json:",omitempty"`
	Closed bool             `json:",omitempty"`
}

// runChild is main of a server. Its commands are "+" and "-" with a user and perhaps a room, "stats", and "close".
func runChild() {
	var with setup
	if err := json.Unmarshal([]byte(os.Getenv(childServer)), &with); err != nil {
		panic(err)
	}
	store := with.openStore()
	io := socketio.NewServer(socketio.Options{})
	p := presence.New(io.Of("/"), store, presence.Options{
		Lease: childLease, Linger: 10 * time.Millisecond, Grace: childLease,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	var out sync.Mutex
	say := func(s said) {
		out.Lock()
		defer out.Unlock()
		_ = json.NewEncoder(os.Stdout).Encode(s)
	}
	p.OnChange(func(c presence.Change) { say(said{Change: &c}) })
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch words := strings.Fields(in.Text()); words[0] {
		case "+", "-":
			item := presence.Item{User: words[1]}
			if len(words) > 2 {
				item.Room = words[2]
			}
			if words[0] == "+" {
				p.Hold(item)
			} else {
				p.Release(item, false)
			}
		case "stats":
			s := p.Stats()
			say(said{Stats: &s})
		case "close":
			if err := p.Close(context.Background()); err != nil {
				panic(err)
			}
			say(said{Closed: true})
		}
	}
	os.Exit(0)
}

// A server is such a process.
type server struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr child.Output
	ended  chan struct{}
	closed chan struct{}
	since  map[string]string // what the ledger had when it began; nil: nothing

	mu      sync.Mutex
	changes []presence.Change
	stats   presence.Stats
	asked   int // answers to "stats"
}

// startServer starts a server and waits until it follows the log. It ends with the test.
func startServer(t *testing.T, name string, with setup) *server {
	t.Helper()
	text, err := json.Marshal(with)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, name: name, cmd: exec.Command(os.Args[0]), ended: make(chan struct{})}
	s.closed = make(chan struct{})
	s.cmd.Env = append(os.Environ(), childServer+"="+string(text))
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			s.read(lines.Bytes())
		}
		_ = s.cmd.Wait()
	}()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("%s says:\n%s", name, s.stderr.Tail())
		}
	})
	s.awaitStats("it is up", func(stats presence.Stats) bool { return stats.Up && !stats.Settling && stats.Following })
	return s
}

func (s *server) read(line []byte) {
	var what said
	if err := json.Unmarshal(line, &what); err != nil {
		s.t.Errorf("%s prints %q", s.name, line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if what.Change != nil {
		s.changes = append(s.changes, *what.Change)
	}
	if what.Closed {
		close(s.closed)
	}
	if what.Stats != nil {
		s.stats = *what.Stats
		s.asked++
	}
}

// told are the changes up to now.
func (s *server) told() []presence.Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]presence.Change{}, s.changes...)
}

func (s *server) command(line string) { fmt.Fprintln(s.stdin, line) }

// awaitStats waits until the server's stats are as ok wants them.
func (s *server) awaitStats(what string, ok func(presence.Stats) bool) {
	s.t.Helper()
	if !await.Until(30*time.Second, func() bool {
		s.mu.Lock()
		before := s.asked
		s.mu.Unlock()
		s.command("stats")
		answered := await.Until(5*time.Second, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.asked > before
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		return answered && ok(s.stats)
	}) {
		s.t.Fatalf("%s: waited for: %s; has %+v", s.name, what, s.stats)
	}
}

func (s *server) freeze() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) thaw()   { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// kill ends the server as kill -9 does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}
