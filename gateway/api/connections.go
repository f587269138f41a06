package api

// How many connections there may be, and who makes room: whoever has shown no token goes first, the oldest of them.

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// connections are those of a server.
type connections struct {
	most int

	mu        sync.Mutex
	all       map[net.Conn]*list.Element // its place in strangers, nil where it is trusted
	strangers list.List                  // those that have shown no token, the oldest first
}

func newConnections(most int) *connections {
	return &connections{most: most, all: make(map[net.Conn]*list.Element)}
}

// connKey is where a request's context has its connection.
type connKey struct{}

// context is for http.Server.ConnContext.
func (c *connections) context(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// changed is for http.Server.ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if victim := c.add(conn); victim != nil {
			victim.Close()
		}
	case http.StateClosed, http.StateHijacked:
		c.mu.Lock()
		c.drop(conn)
		c.mu.Unlock()
	}
}

// add counts a connection, and returns the one that has to go for it.
func (c *connections) add(conn net.Conn) (victim net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[conn] = c.strangers.PushBack(conn)
	if len(c.all) <= c.most {
		return nil
	}
	victim = c.strangers.Front().Value.(net.Conn) // conn itself, where all others are trusted
	c.drop(victim)
	return victim
}

// drop forgets a connection. c.mu is held.
func (c *connections) drop(conn net.Conn) {
	if place := c.all[conn]; place != nil {
		c.strangers.Remove(place)
	}
	delete(c.all, conn)
}

// trust notes that the connection of a request has shown a token.
func (c *connections) trust(ctx context.Context) {
	conn, ok := ctx.Value(connKey{}).(net.Conn)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.all[conn]; place != nil {
		c.strangers.Remove(place)
		c.all[conn] = nil
	}
}
