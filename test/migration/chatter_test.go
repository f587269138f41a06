package migration

// The clients of the rehearsal. They chat all the time and come back by themselves when they lose their node, like
// socket.io-client. Most are raw WebSockets in this process; some are the real client, in a process of Node.js.

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/child"
	"github.com/brunossouza/websocket-escalonavel/test/needs"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// How long socket.io-client waits before it connects again, give or take half of it: its reconnectionDelay,
// reconnectionDelayMax and randomizationFactor.
const (
	reconnectFirst = time.Second
	reconnectLast  = 5 * time.Second
)

// A chatter is a client on a raw WebSocket.
type chatter struct {
	name     string
	addr     string
	ledger   *ledger
	sayEvery time.Duration
	said     int
	floor    chan struct{} // holds a place for each message that has not come back to its sender
	speaks   atomic.Bool   // whether this chatter has one there
}

// maxUnderWay is how many messages the chatters have under way at once: a chat does not go faster than it is heard.
// Without that bound a busy machine falls behind, ever farther, until the nodes give up their clients as too slow.
const maxUnderWay = 15

// run keeps the chatter connected until ctx ends, and has it chat until quiet ends.
func (c *chatter) run(ctx, quiet context.Context) {
	for wait := reconnectFirst; ctx.Err() == nil; wait = min(2*wait, reconnectLast) {
		if c.session(ctx, quiet) {
			wait = reconnectFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// session is one connection, from its start to its end. It reports whether the chatter got registered.
func (c *chatter) session(ctx, quiet context.Context) (registered bool) {
	ws, err := wire.DialWebSocket(c.addr, wire.NewSocket)
	if err != nil {
		c.ledger.refuse()
		return false // the node is ending; the next attempt leads to another
	}
	unhook := context.AfterFunc(ctx, func() { ws.Close() })
	over := make(chan struct{})
	var saying sync.WaitGroup
	defer func() {
		c.ledger.lost(c.name, time.Now())
		unhook()
		close(over)
		ws.Close()
		saying.Wait()
		c.yield()
	}()
	id := ""
	for {
		frame, err := ws.ReadFrame()
		if err != nil || frame.Opcode == wire.Close {
			return registered
		}
		switch text := string(frame.Payload); {
		case text == "2":
			ws.SendText("3")
		case text == "6": // noop
		case text == "1":
			return registered
		case strings.HasPrefix(text, "0{"):
			var handshake struct{ SID string }
			if err := json.Unmarshal(frame.Payload[1:], &handshake); err != nil {
				c.ledger.fault("%s got %q", c.name, text)
			}
			id = handshake.SID
			ws.SendText("40")
		case strings.HasPrefix(text, "40{"):
			ws.SendText(`42["registrar"]`)
		case strings.HasPrefix(text, `42["registrado",`):
			registered = true
			c.ledger.registered(c.name, id, time.Now())
			saying.Go(func() { c.say(quiet, over, ws) })
		case strings.HasPrefix(text, `42["messages",`):
			var event []json.RawMessage
			var m struct{ Nickname, Message string }
			err := json.Unmarshal(frame.Payload[2:], &event)
			if err != nil || len(event) != 2 || json.Unmarshal(event[1], &m) != nil {
				c.ledger.fault("%s got %q", c.name, text)
				continue
			}
			number, _ := strconv.Atoi(m.Message)
			c.ledger.receives(c.name, message{m.Nickname, number}, time.Now())
			if m.Nickname == c.name {
				c.yield()
			}
		default: // also a 41, after which socket.io-client would not come back
			c.ledger.fault("%s got %q", c.name, text)
		}
	}
}

// say chats until quiet ends or the session is over.
func (c *chatter) say(quiet context.Context, over <-chan struct{}, ws *wire.WebSocket) {
	for {
		select {
		case <-quiet.Done():
			return
		case <-over:
			return
		case <-time.After(c.sayEvery/2 + rand.N(c.sayEvery)):
		}
		select {
		case <-quiet.Done():
			return
		case <-over:
			return
		case c.floor <- struct{}{}:
		}
		if c.speaks.Swap(true) { // its message before has not come back
			<-c.floor
			continue
		}
		c.said++
		m := message{c.name, c.said}
		c.ledger.sends(m, time.Now())
		if ws.SendText(fmt.Sprintf(`42["messages",{"nickname":%q,"message":"%d"}]`, c.name, c.said)) != nil {
			return
		}
		c.ledger.wrote(m, time.Now())
	}
}

// yield lets others speak, if the chatter does.
func (c *chatter) yield() {
	if c.speaks.Swap(false) {
		<-c.floor
	}
}

// A crowd is all clients of a test.
type crowd struct {
	ledger   *ledger
	size     int
	sayEvery time.Duration // roughly how often each client says something

	quiet, end context.CancelFunc
	chatters   sync.WaitGroup

	real    *exec.Cmd // runs the real clients
	control io.WriteCloser
	errors  child.Output
}

// gather starts chatters and real clients that connect to addr. finish ends them, and so does the test's end.
func gather(t *testing.T, addr string, chatters, real int, sayEvery time.Duration, env ...string) *crowd {
	t.Helper()
	c := &crowd{ledger: newLedger(), size: chatters + real, sayEvery: sayEvery}
	ctx, end := context.WithCancel(context.Background())
	quiet, silence := context.WithCancel(ctx)
	floor := make(chan struct{}, maxUnderWay)
	c.quiet, c.end = silence, end
	for i := range chatters {
		p := &chatter{name: fmt.Sprintf("raw-%02d", i), addr: addr, ledger: c.ledger, sayEvery: sayEvery, floor: floor}
		c.chatters.Go(func() { p.run(ctx, quiet) })
	}
	t.Cleanup(func() {
		silence()
		end()
		c.chatters.Wait()
	})
	c.startReal(t, addr, real, env)
	return c
}

// startReal starts clients of socket.io-client. They report what they see line by line.
func (c *crowd) startReal(t *testing.T, addr string, n int, env []string) {
	t.Helper()
	needs.NodeJS(t)
	c.real = exec.Command("node", "../js/migration/chatters.mjs")
	c.real.Env = append(child.Path(), "URL=http://"+addr,
		fmt.Sprintf("CLIENTS=%d", n), fmt.Sprintf("SAY_EVERY=%d", c.sayEvery.Milliseconds()))
	c.real.Env = append(c.real.Env, env...)
	c.real.Stderr = &c.errors
	stdin, err := c.real.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.control = stdin
	stdout, err := c.real.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.real.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.real.Process.Kill() })
	c.chatters.Go(func() {
		defer c.real.Wait()
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			c.note(lines.Bytes())
		}
	})
}

// note enters a line of the Node.js process into the ledger.
func (c *crowd) note(line []byte) {
	var l struct {
		Client, What, From, ID string
		Number                 int
		At                     int64 // milliseconds since 1970
		Fault                  string
		Recovered              bool
	}
	if err := json.Unmarshal(line, &l); err != nil || l.Client == "" {
		c.ledger.fault("the Node.js process says %q", line)
		return
	}
	at := time.UnixMilli(l.At)
	switch l.What {
	case "registered":
		c.ledger.registered(l.Client, l.ID, at)
		if l.Recovered {
			c.ledger.recover()
		}
	case "lost":
		c.ledger.lost(l.Client, at)
	case "sends":
		c.ledger.sends(message{l.Client, l.Number}, at)
	case "receives":
		c.ledger.receives(l.Client, message{l.From, l.Number}, at)
	default:
		c.ledger.fault("%s: %s", l.Client, l.Fault)
	}
}

// absence is the longest time for which none of the clients that are away may come back: one of socket.io-client gives
// up an attempt after 20 s, waits, and tries once more.
const absence = 20*time.Second + reconnectLast*3/2 + patience

// settle waits until all clients are registered and have come back at least so often since they were gathered. It gives
// up when none comes back any more.
func (c *crowd) settle(t *testing.T, reconnections int) {
	t.Helper()
	settled := func() bool {
		return c.ledger.here() == c.size && c.ledger.reconnections() >= reconnections
	}
	for {
		before := c.ledger.registrations()
		if !await.Until(absence, func() bool { return settled() || c.ledger.registrations() > before }) {
			t.Fatalf("%d of %d clients are registered; they came back %d times, want %d; away: %s\n%s",
				c.ledger.here(), c.size, c.ledger.reconnections(), reconnections, c.ledger.away(), c.errors.Tail())
		}
		if settled() {
			return
		}
	}
}

// finish ends the chat, waits until everything has arrived or nothing does any more, and ends the clients.
func (c *crowd) finish(t *testing.T) {
	t.Helper()
	c.quiet()
	fmt.Fprintln(c.control, "quiet")
	time.Sleep(margin) // somebody may be about to say something
	c.ledger.finish(time.Now())
	for quiet := c.ledger.quietFor(); quiet < patience; quiet = c.ledger.quietFor() {
		if quiet > margin && c.ledger.audit().missing == 0 {
			break
		}
		time.Sleep(margin / 10)
	}
	c.end()
	c.control.Close()
	c.chatters.Wait()
	if code := c.real.ProcessState.ExitCode(); code != 0 || c.errors.String() != "" {
		t.Errorf("the Node.js process ended with %d: %s", code, c.errors.Tail())
	}
}
