package test

// A plain client of the chat, for crowds. It polls with a new connection for each request, upgrades, or starts as a
// WebSocket.

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

type chatter struct {
	addr  string
	kind  string // polling, upgrade or websocket
	leave <-chan struct{}
	heard func(packet string) // is called with each message packet
	pings atomic.Int64

	mu      sync.Mutex // held while something is sent: a session takes one POST at a time
	sid     string
	ws      *wire.WebSocket // nil while the client polls
	leaving atomic.Bool

	upgrading atomic.Bool // a heartbeat is answered behind the upgrade, as the real client does
	owes      atomic.Bool // that answer
}

// run connects, registers, and stays until leave is closed. It returns an error if the client sees what it must not
// see.
func (c *chatter) run() error {
	var err error
	if c.kind == "websocket" {
		if c.ws, err = wire.DialWebSocket(c.addr, wire.NewSocket); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
	} else if c.sid, err = wire.OpenSession(c.addr, patience); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if err := errors.Join(c.emit("40"), c.emit(`42["registrar"]`)); err != nil {
		return err
	}
	if c.kind == "upgrade" {
		if err := c.upgrade(); err != nil {
			return fmt.Errorf("upgrade: %w", err)
		}
	}
	ended := make(chan error, 1)
	go func() {
		if c.ws != nil {
			ended <- c.read()
		} else {
			ended <- c.poll()
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-c.leave:
	}
	c.leaving.Store(true)
	if c.ws != nil {
		c.ws.Close()
	} else if err := c.emit("1"); err != nil {
		return err
	}
	return <-ended
}

// emit sends a packet.
func (c *chatter) emit(packet string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ws != nil {
		return c.ws.SendText(packet)
	}
	r, err := wire.Post(c.addr, wire.NewPolling+"&sid="+c.sid, packet, patience)
	if err != nil || r.Code != 200 {
		return fmt.Errorf("post %q: %+v %w", packet, r, err)
	}
	return nil
}

// upgrade does what the real client does: it probes, lets the pending poll end, and moves to the WebSocket.
func (c *chatter) upgrade() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.upgrading.Store(true)
	defer c.upgrading.Store(false)
	polled := make(chan error, 1)
	go func() { polled <- c.pollOnce() }()
	ws, err := wire.DialWebSocket(c.addr, wire.NewSocket+"&sid="+c.sid)
	if err != nil {
		<-polled
		return err
	}
	if err := ws.SendText("2probe"); err != nil {
		return err
	}
	ws.SetReadDeadline(time.Now().Add(patience))
	if f, err := ws.ReadFrame(); err != nil || string(f.Payload) != "3probe" {
		return fmt.Errorf("probe: %q %w", f.Payload, err)
	}
	if err := <-polled; err != nil {
		return err
	}
	ws.SetReadDeadline(time.Time{})
	c.ws = ws
	if err := ws.SendText("5"); err != nil || !c.owes.Load() {
		return err
	}
	return ws.SendText("3")
}

func (c *chatter) poll() error {
	for !c.leaving.Load() {
		if err := c.pollOnce(); err != nil && !c.leaving.Load() {
			return err
		}
	}
	return nil
}

func (c *chatter) pollOnce() error {
	r, err := wire.Get(c.addr, wire.NewPolling+"&sid="+c.sid, patience)
	if err != nil || r.Code != 200 {
		return fmt.Errorf("poll: %+v %w", r, err)
	}
	for packet := range strings.SplitSeq(string(r.Body), "\x1e") {
		if err := c.take(packet); err != nil {
			return err
		}
	}
	return nil
}

func (c *chatter) read() error {
	for {
		f, err := c.ws.ReadFrame()
		switch {
		case c.leaving.Load():
			return nil
		case err == io.EOF || err == nil && f.Opcode != wire.Text:
			return fmt.Errorf("the connection ended: %v %q", f.Opcode, f.Payload)
		case err != nil:
			return err
		}
		if err := c.take(string(f.Payload)); err != nil {
			return err
		}
	}
}

func (c *chatter) take(packet string) error {
	switch {
	case packet == "2":
		c.pings.Add(1)
		if c.upgrading.Load() {
			c.owes.Store(true)
			return nil
		}
		return c.emit("3")
	case packet == "6" || strings.HasPrefix(packet, "0{"):
	case strings.HasPrefix(packet, "4"):
		c.heard(packet)
	default:
		return fmt.Errorf("got %q", packet)
	}
	return nil
}
