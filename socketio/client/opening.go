package client

// Opening the connection, opening it again, and giving it up.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	engine "github.com/brunossouza/websocket-escalonavel/engineio/client"
)

// active reports whether a socket is to be connected. mu is held.
func (c *Conn) active() bool {
	for _, s := range c.sockets {
		if s.active {
			return true
		}
	}
	return false
}

// stopTimer is called with mu held.
func (c *Conn) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// open begins to open the connection. mu is held.
func (c *Conn) open() {
	if c.state == stateOpening || c.state == stateOpen {
		return
	}
	c.stopTimer()
	l := &link{conn: c}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	c.state, c.link = stateOpening, l
	c.enter()
	go c.dial(l)
}

// dial opens the Engine.IO session of l.
func (c *Conn) dial(l *link) {
	ctx, cancel := context.WithTimeout(l.ctx, c.opts.ConnectTimeout)
	defer cancel()
	connect := func(*engine.Session) engine.Handler { return l }
	var session *engine.Session
	var err error
	if c.opts.Dialer != nil {
		session, err = c.opts.Dialer.Dial(ctx, c.url, c.engineOptions(), connect)
	} else {
		session, err = engine.Dial(ctx, c.url, c.engineOptions(), connect)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.leave()
	if session != nil {
		c.note(session)
	}
	switch {
	case c.link != l: // nobody wants it any more
		if session != nil {
			session.Close()
		}
	case err != nil:
		c.state, c.link = stateIdle, nil
		l.cancel()
		c.openFailed(err)
	default:
		l.session = session
		c.opened(l)
		if l.over { // it has ended already
			c.lost(l, l.reason, l.err)
		}
	}
}

// note keeps a session for Wait, and forgets those that are over. mu is held.
func (c *Conn) note(session *engine.Session) {
	c.ended = slices.DeleteFunc(c.ended, func(s *engine.Session) bool { return s.Over() })
	c.ended = append(c.ended, session)
}

// opened has the sockets connect. mu is held.
func (c *Conn) opened(l *link) {
	c.state = stateOpen
	if attempts := c.backoff.attempts; c.again && attempts > 0 {
		tell(c, func(h *hooks) []func(int) { return h.reconnect }, func(f func(int)) { f(attempts) })
	}
	c.again = false
	c.backoff.reset()
	c.awaitAnswers(l)
	for _, s := range c.sockets {
		if s.active {
			s.sendConnect(l)
		}
	}
}

var errNoAnswer = errors.New("socketio: the server does not answer the CONNECT packet")

// awaitAnswers bounds the time until all sockets have an answer to their CONNECT packets. mu is held.
func (c *Conn) awaitAnswers(l *link) {
	c.stopTimer()
	c.timer = time.AfterFunc(c.opts.ConnectTimeout, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, s := range c.sockets {
			if c.link == l && s.active && s.asked == l && !s.connected {
				c.tellConnectError(errNoAnswer)
				c.drop(l, ReasonTransportError, errNoAnswer)
			}
		}
	})
}

// answered ends that time where it was the last answer. mu is held.
func (c *Conn) answered() {
	for _, s := range c.sockets {
		if s.active && !s.connected {
			return
		}
	}
	c.stopTimer()
}

// openFailed goes on after an attempt that has failed. mu is held.
func (c *Conn) openFailed(err error) {
	c.upgraded = false
	if c.again {
		tell(c, func(h *hooks) []func(error) { return h.fail }, func(f func(error)) { f(err) })
	}
	c.tellConnectError(err)
	if c.opts.NoReconnection {
		c.giveUp(err)
		return
	}
	c.reconnect(err)
}

// tellConnectError tells the sockets that wait for the connection. mu is held.
func (c *Conn) tellConnectError(err error) {
	for _, s := range c.sockets {
		if s.active && !s.connected {
			s.connectFailed(err)
		}
	}
}

// reconnect waits for the next attempt, unless there have been enough. mu is held.
func (c *Conn) reconnect(err error) {
	if c.closed || !c.active() {
		return
	}
	if c.backoff.attempts >= c.opts.ReconnectionAttempts {
		c.again = false
		c.backoff.reset()
		tell(c, func(h *hooks) []func() { return h.failed }, func(f func()) { f() })
		c.giveUp(fmt.Errorf("%w: %w", ErrReconnectFailed, err))
		return
	}
	c.state, c.again = stateWaiting, true
	delay := c.backoff.next()
	attempt := c.backoff.attempts
	c.stopTimer()
	var timer *time.Timer
	timer = time.AfterFunc(delay, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.state != stateWaiting || c.timer != timer {
			return
		}
		tell(c, func(h *hooks) []func(int) { return h.attempt }, func(f func(int)) { f(attempt) })
		c.open()
	})
	c.timer = timer
}

// giveUp leaves the sockets unconnected. mu is held.
func (c *Conn) giveUp(err error) {
	for _, s := range c.sockets {
		if s.active && !s.connected {
			s.active = false
			s.settle(err)
		}
	}
}

// release closes the connection where no socket is to be connected any more. mu is held.
func (c *Conn) release() {
	if c.active() {
		return
	}
	c.stopTimer()
	c.backoff.reset()
	c.again = false
	l := c.link
	c.state, c.link = stateIdle, nil
	if l != nil {
		c.unpause(l)
		l.cancel()
		if l.session != nil {
			l.session.Close()
		}
	}
}

// drop ends a connection that is of no more use, and opens it again. mu is held.
func (c *Conn) drop(l *link, reason Reason, err error) {
	if c.link != l {
		return
	}
	if l.session != nil {
		l.session.Close()
	}
	c.lost(l, reason, err)
}

// lost goes on without the connection. mu is held.
func (c *Conn) lost(l *link, reason Reason, err error) {
	if c.link != l {
		return
	}
	c.stopTimer()
	c.unpause(l)
	c.backoff.reset()
	c.state, c.link = stateIdle, nil
	l.cancel()
	for _, s := range c.sockets {
		s.disconnected(reason, err)
	}
	if err == nil {
		err = fmt.Errorf("socketio: %s", reason)
	}
	for _, s := range c.sockets {
		if s.active {
			s.lastErr = err
		}
	}
	if c.opts.NoReconnection {
		c.giveUp(err)
		for _, s := range c.sockets {
			s.active = false
		}
		return
	}
	c.reconnect(err)
}
