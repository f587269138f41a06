package soak

// The clients: good ones, who stay, talk and listen; and those who come and go.

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// A client talks to a node over a WebSocket, or polls it.
type client struct {
	name   string
	node   *node
	others []*node // that take its requests too; none: its own does
	ledger *ledger // nil for one that comes and goes

	ws   *wire.WebSocket
	path string // of its polling session

	posting sync.Mutex // a session takes one POST at a time
	joined  chan string
	ended   chan struct{}

	number int             // of what it said last; ledger.mu
	last   map[*client]int // heard of each sender; ledger.mu
	all    map[string]*client

	mu      sync.Mutex
	leaving bool
	offset  string // of the last event that had one
}

// join opens a session, connects with auth and registers. The reader runs until the session ends.
func (c *client) join(polls bool, auth string, readers *sync.WaitGroup) (answer string, err error) {
	c.joined, c.ended = make(chan string, 2), make(chan struct{})
	read := c.read
	if polls {
		sid, err := wire.OpenSession(c.node.addr, patience)
		if err != nil {
			return "", err
		}
		c.path, read = wire.NewPolling+"&sid="+sid, c.poll
	} else if c.ws, err = wire.DialWebSocket(c.node.addr, wire.NewSocket); err != nil {
		return "", err
	}
	readers.Go(func() {
		defer close(c.ended)
		read()
	})
	for _, packet := range []string{"40" + auth, `42["registrar"]`} {
		if err := c.send(packet); err != nil {
			return "", err
		}
		select {
		case said := <-c.joined:
			if answer == "" {
				answer = said
			}
		case <-c.ended:
			return "", fmt.Errorf("%s: the session ended", c.name)
		case <-time.After(patience):
			return "", fmt.Errorf("%s: no answer to %q", c.name, packet)
		}
	}
	return answer, nil
}

// at is the address for the next request.
func (c *client) at() string {
	if len(c.others) > 0 && rand.IntN(2) == 0 {
		return c.others[rand.IntN(len(c.others))].addr
	}
	return c.node.addr
}

func (c *client) send(packet string) error {
	if c.ws != nil {
		return c.ws.SendText(packet)
	}
	c.posting.Lock()
	defer c.posting.Unlock()
	response, err := wire.Post(c.at(), c.path, packet, patience)
	if err == nil && response.Code != 200 {
		err = fmt.Errorf("a POST is answered %s %.100s", response.Status, response.Body)
	}
	return err
}

// say sends the next message.
func (c *client) say() error {
	c.ledger.mu.Lock()
	c.number++
	n := c.number
	c.ledger.when[said{c, n}] = time.Now()
	c.ledger.mu.Unlock()
	padding := strings.Repeat("olá ", rand.IntN(200))
	return c.send(fmt.Sprintf(`42["messages",{"nickname":%q,"message":{"n":%d,"x":%q}}]`, c.name, n, padding))
}

// lost says that the session has ended before its client wanted it.
func (c *client) lost(format string, args ...any) {
	c.mu.Lock()
	leaving := c.leaving
	c.mu.Unlock()
	if !leaving && c.ledger != nil {
		c.ledger.fault("%s is lost: %s", c.name, fmt.Sprintf(format, args...))
	}
}

func (c *client) read() {
	for {
		f, err := c.ws.ReadFrame()
		if err != nil || f.Opcode == wire.Close {
			c.lost("%v, close %x", err, f.Payload)
			return
		}
		if !c.take(string(f.Payload)) {
			return
		}
	}
}

func (c *client) poll() {
	for {
		response, err := wire.Get(c.at(), c.path, 2*patience)
		if err != nil || response.Code != 200 {
			c.lost("a poll: %v, %.300v", err, response)
			return
		}
		for packet := range strings.SplitSeq(string(response.Body), "\x1e") {
			if !c.take(packet) {
				return
			}
		}
	}
}

// take handles one packet, and reports whether there may be more.
func (c *client) take(packet string) bool {
	switch {
	case packet == "2":
		if err := c.send("3"); err != nil {
			c.lost("pong: %v", err)
			return false
		}
	case strings.HasPrefix(packet, "40{"), strings.HasPrefix(packet, `42["registrado"`):
		select {
		case c.joined <- packet:
		default: // it has joined before
		}
		c.event(strings.TrimPrefix(packet, "42"))
	case strings.HasPrefix(packet, "42["):
		c.event(packet[2:])
	case strings.HasPrefix(packet, "0{"), packet == "6":
	default:
		c.lost("got %.200q", packet)
		return false
	}
	return true
}

// event takes an event's arguments.
func (c *client) event(text string) {
	var args []json.RawMessage
	if json.Unmarshal([]byte(text), &args) != nil || len(args) < 2 {
		return
	}
	var offset string
	if json.Unmarshal(args[len(args)-1], &offset) == nil {
		c.mu.Lock()
		c.offset = offset
		c.mu.Unlock()
	}
	var m struct {
		Nickname string
		Message  struct{ N int }
	}
	if c.ledger == nil || string(args[0]) != `"messages"` || json.Unmarshal(args[1], &m) != nil {
		return
	}
	if from := c.all[m.Nickname]; from != nil {
		c.ledger.hear(c, said{from, m.Message.N})
	}
}

// leave ends the session in one of the ways in which clients do.
func (c *client) leave() {
	c.mu.Lock()
	c.leaving = true
	c.mu.Unlock()
	switch way := rand.IntN(3); {
	case c.ws == nil && c.path != "":
		_ = c.send("1")
	case c.ws == nil:
	case way == 0:
		_ = c.ws.Send(wire.CloseFrame(1000, ""))
		_ = c.ws.Close()
	case way == 1:
		_ = c.send("41")
		_ = c.ws.Close()
	default: // like a client that crashes
		_ = c.ws.Close()
	}
}

// comeAndGo is a client that comes, stays a moment, and goes, until stopped. Every other time it asks for its session
// back.
func comeAndGo(nodes []*node, l *ledger, stopped <-chan struct{}) {
	var readers sync.WaitGroup
	defer readers.Wait()
	auth := ""
	for i := 0; ; i++ {
		select {
		case <-stopped:
			return
		case <-time.After(time.Duration(200+rand.IntN(400)) * time.Millisecond):
		}
		c := &client{name: "passer-by", node: nodes[rand.IntN(len(nodes))]}
		answer, err := c.join(i%4 == 3, auth, &readers)
		if err != nil {
			l.fault("who comes is not let in: %v", err)
			c.leave()
			continue
		}
		l.count("came")
		var connected struct{ SID, PID string }
		_ = json.Unmarshal([]byte(strings.TrimPrefix(answer, "40")), &connected)
		if auth != "" && strings.Contains(auth, connected.PID) && connected.PID != "" {
			l.count("resumed")
		}
		if rand.IntN(2) == 0 {
			_ = c.send(`42["messages",{"nickname":"passer-by","message":"hello"}]`)
		}
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		c.leave()
		c.mu.Lock()
		offset := c.offset
		c.mu.Unlock()
		if auth = ""; connected.PID != "" && offset != "" && i%2 == 0 {
			auth = fmt.Sprintf(`{"pid":%q,"offset":%q}`, connected.PID, offset)
		}
	}
}
