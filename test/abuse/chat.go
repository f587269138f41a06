package abuse

// The good clients: they chat, and notice every message that is missing, doubled or out of order.

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// patience is how long a good client waits for what must come.
const patience = 60 * time.Second

// A Chat is a room of good clients. Every fifth of them polls; the others have WebSockets.
type Chat struct {
	clients []*client
	readers sync.WaitGroup
}

// A client sends to the room and checks what it hears.
type client struct {
	name string
	ws   *wire.WebSocket // nil for one that polls
	addr string
	path string // of its polling session

	posting    sync.Mutex // a session takes one post at a time
	registered chan struct{}
	once       sync.Once

	mu    sync.Mutex
	next  map[string]int // by sender, the number of its next message
	heard int
	err   error
	left  bool
}

// NewChat connects n clients to the service at addr and lets them join the room.
func NewChat(addr string, n int) (*Chat, error) {
	chat := &Chat{}
	for i := range n {
		c := &client{name: fmt.Sprintf("good-%d", i), addr: addr, next: map[string]int{}, registered: make(chan struct{})}
		chat.clients = append(chat.clients, c)
		if err := c.join(i%5 == 0, &chat.readers); err != nil {
			return nil, errors.Join(err, chat.Close())
		}
	}
	return chat, nil
}

func (c *client) join(polls bool, readers *sync.WaitGroup) error {
	if polls {
		a := &attacker{addr: c.addr}
		c.path = a.session()
		readers.Go(c.poll)
	} else {
		ws, err := wire.DialWebSocket(c.addr, socketPath)
		if err != nil {
			return err
		}
		c.ws = ws
		readers.Go(c.read)
	}
	if err := c.send("40"); err != nil {
		return err
	}
	if err := c.send(`42["registrar"]`); err != nil {
		return err
	}
	select {
	case <-c.registered:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s: not registered: %v", c.name, c.failure())
	}
}

func (c *client) send(packet string) error {
	if c.ws != nil {
		return c.ws.SendText(packet)
	}
	c.posting.Lock()
	defer c.posting.Unlock()
	response, err := wire.Do(c.addr, wire.Request{Method: "POST", Target: c.path, Body: packet}, patience)
	if err == nil && response.Code != 200 {
		err = fmt.Errorf("post answered %s", response.Status)
	}
	return err
}

// Say lets each client send the messages numbered from to before to, pausing between them.
func (chat *Chat) Say(from, to int, pause time.Duration) error {
	var group sync.WaitGroup
	errs := make([]error, len(chat.clients))
	for i, c := range chat.clients {
		group.Go(func() {
			for n := from; n < to; n++ {
				if err := c.send(fmt.Sprintf(`42["messages",{"nickname":"%s","message":%d}]`, c.name, n)); err != nil {
					errs[i] = fmt.Errorf("%s: %w", c.name, err)
					return
				}
				time.Sleep(pause)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// Heard waits until every client has heard n messages of each client. The error tells of any that is missing, doubled or
// out of order.
func (chat *Chat) Heard(n int) error {
	want := n * len(chat.clients)
	deadline := time.Now().Add(patience)
	for _, c := range chat.clients {
		for c.count() < want && c.failure() == nil && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	time.Sleep(200 * time.Millisecond) // for one too many
	var errs []error
	for _, c := range chat.clients {
		if err := c.failure(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		} else if heard := c.count(); heard != want {
			errs = append(errs, fmt.Errorf("%s heard %d messages, want %d", c.name, heard, want))
		}
	}
	return errors.Join(errs...)
}

// Close ends the clients' connections, in the way of the protocol, and their readers.
func (chat *Chat) Close() error {
	for _, c := range chat.clients {
		c.mu.Lock()
		c.left = true
		c.mu.Unlock()
		if c.ws != nil {
			c.ws.Send(wire.CloseFrame(1000, ""))
			c.ws.Close()
		} else if c.path != "" {
			c.send("1")
		}
	}
	chat.readers.Wait()
	return nil
}

func (c *client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

func (c *client) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.left {
		c.err = err
	}
}

// read takes what comes over the WebSocket until its end.
func (c *client) read() {
	for {
		f, err := c.ws.ReadFrame()
		if err != nil || f.Opcode == wire.Close {
			c.fail(fmt.Errorf("the WebSocket ended: %v, close %x", err, f.Payload))
			return
		}
		if !c.take(string(f.Payload)) {
			return
		}
	}
}

// poll takes what comes over polling until the session's end.
func (c *client) poll() {
	for {
		response, err := wire.Do(c.addr, wire.Request{Method: "GET", Target: c.path}, patience)
		if err != nil || response.Code != 200 {
			c.fail(fmt.Errorf("the poll failed: %v, %+v", err, response))
			return
		}
		for packet := range strings.SplitSeq(string(response.Body), "\x1e") {
			if !c.take(packet) {
				return
			}
		}
	}
}

var messagePattern = regexp.MustCompile(`^42\["messages",\{"nickname":"(good-\d+)","message":(\d+),"server":".*"\}\]$`)

// take handles one packet and reports whether the client goes on.
func (c *client) take(packet string) bool {
	switch {
	case packet == "2":
		if err := c.send("3"); err != nil {
			c.fail(err)
			return false
		}
		return true
	case strings.HasPrefix(packet, "0{"), strings.HasPrefix(packet, "40{"), packet == "6":
		return true
	case packet == `42["registrado",{"room":"roomChatTest"}]`:
		c.once.Do(func() { close(c.registered) })
		return true
	}
	m := messagePattern.FindStringSubmatch(packet)
	if m == nil {
		c.fail(fmt.Errorf("got %.200q", packet))
		return false
	}
	n, _ := strconv.Atoi(m[2])
	c.mu.Lock()
	defer c.mu.Unlock()
	if want := c.next[m[1]]; n != want {
		if c.err == nil {
			c.err = fmt.Errorf("heard message %d of %s, want %d", n, m[1], want)
		}
		return false
	}
	c.next[m[1]] = n + 1
	c.heard++
	return true
}
