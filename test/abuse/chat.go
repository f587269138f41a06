package abuse

// The good clients. They chat, and notice every message that is missing, doubled or out of order.

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/await"
	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

// patience bounds a good client's wait for what must come.
const patience = 60 * time.Second

// A Chat is a room of good clients. Every fifth of them polls; the others use WebSockets.
type Chat struct {
	clients []*client
	readers sync.WaitGroup
}

// A client sends to the room and checks what it receives.
type client struct {
	name string
	ws   *wire.WebSocket // nil if the client polls
	addr string
	path string // target of its polling session's requests

	polls, posts keptConn   // like a browser, which has them at hand when others find no room for a new one
	posting      sync.Mutex // a session takes one POST at a time
	registered   chan struct{}
	once         sync.Once

	mu    sync.Mutex
	next  map[string]int // the number of each sender's next message
	heard int
	err   error
	left  bool
}

// NewChat connects n clients to the nodes of a service, in turn, and has them join the room.
func NewChat(n int, addrs ...string) (*Chat, error) {
	chat := &Chat{}
	for i := range n {
		c := &client{
			name: fmt.Sprintf("good-%d", i), addr: addrs[i%len(addrs)],
			next: map[string]int{}, registered: make(chan struct{}),
		}
		chat.clients = append(chat.clients, c)
		if err := c.join(i%5 == 0, &chat.readers); err != nil {
			return nil, errors.Join(err, chat.Close())
		}
	}
	return chat, nil
}

func (c *client) join(polls bool, readers *sync.WaitGroup) error {
	if polls {
		sid, err := wire.OpenSession(c.addr, patience)
		if err != nil {
			return err
		}
		c.path = wire.NewPolling + "&sid=" + sid
		readers.Go(c.poll)
	} else {
		ws, err := wire.DialWebSocket(c.addr, wire.NewSocket)
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
	response, err := c.posts.do(c.addr, wire.Request{Method: "POST", Target: c.path, Body: packet})
	if err == nil && response.Code != 200 {
		err = fmt.Errorf("post answered %s", response.Status)
	}
	return err
}

// Say has each client send its messages from..to-1, with a pause after each.
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

// Heard waits until every client has received n messages of each client. It returns an error if any message is missing,
// doubled or out of order.
func (chat *Chat) Heard(n int) error {
	want := n * len(chat.clients)
	deadline := time.Now().Add(patience)
	for _, c := range chat.clients {
		await.Until(time.Until(deadline), func() bool { return c.count() >= want || c.failure() != nil })
	}
	time.Sleep(200 * time.Millisecond) // in case one too many comes
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

// Close closes the clients' connections as the protocol demands and waits for their readers.
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
	for _, c := range chat.clients {
		c.polls.close()
		c.posts.close()
	}
	return nil
}

// A keptConn is a connection for one request after the other.
type keptConn struct{ conn *wire.Conn }

func (k *keptConn) do(addr string, r wire.Request) (*wire.Response, error) {
	kept := k.conn != nil
	if !kept {
		var err error
		if k.conn, err = wire.Dial(addr); err != nil {
			return nil, err
		}
	}
	response, err := k.conn.Do(r, patience)
	if err != nil || strings.EqualFold(response.Get("Connection"), "close") {
		k.close()
	}
	if kept && errors.Is(err, wire.ErrNoAnswer) { // a server may end one that is idle
		return k.do(addr, r)
	}
	return response, err
}

func (k *keptConn) close() {
	if k.conn != nil {
		k.conn.Close()
		k.conn = nil
	}
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

// read handles what comes over the WebSocket, until it ends.
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

// poll handles what comes by polling, until the session ends.
func (c *client) poll() {
	for {
		response, err := c.polls.do(c.addr, wire.Request{Method: "GET", Target: c.path})
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

// With connection state recovery an offset follows the arguments.
var (
	registeredPattern = regexp.MustCompile(`^42\["registrado",\{"room":"roomChatTest"\}(,"[^"]+")?\]$`)
	messagePattern    = regexp.MustCompile(
		`^42\["messages",\{"nickname":"(good-\d+)","message":(\d+),"server":"[^"]*"\}(,"[^"]+")?\]$`)
)

// said is how a message begins of somebody that the good clients do not listen to.
const said = `42["messages",{"nickname":"` + nickname + `",`

// take handles one packet and reports whether the client goes on.
func (c *client) take(packet string) bool {
	switch {
	case strings.HasPrefix(packet, said):
		return true
	case packet == "2":
		if err := c.send("3"); err != nil {
			c.fail(err)
			return false
		}
		return true
	case strings.HasPrefix(packet, "0{"), strings.HasPrefix(packet, "40{"), packet == "6":
		return true
	case registeredPattern.MatchString(packet):
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
