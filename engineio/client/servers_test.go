package client

// Servers of the tests that do one thing.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// A collector is a server that says what each session has sent once that has ended.
type collector struct {
	url  string
	said chan []string
}

func newCollector(t *testing.T) *collector {
	c := &collector{said: make(chan []string, 100)}
	srv := engineio.NewServer(engineio.Options{}, func(*engineio.Session) engineio.Handler {
		return &collected{to: c.said}
	})
	server := httptest.NewServer(srv)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = srv.Shutdown(ctx)
		server.Close()
	})
	c.url = server.URL
	return c
}

type collected struct {
	to   chan []string
	mu   sync.Mutex
	said []string
}

func (c *collected) OnMessage(data []byte, _ bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, string(data))
}

func (c *collected) OnClose(engineio.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to <- c.said
}

// refusing is a server that has no WebSocket.
func refusing(t *testing.T, path string) (url string) {
	srv := engineio.NewServer(engineio.Options{Path: path, Transports: []string{"polling"}},
		func(*engineio.Session) engineio.Handler { return &collected{to: make(chan []string, 1)} })
	server := httptest.NewServer(http.Handler(srv))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = srv.Shutdown(ctx)
		server.Close()
	})
	return server.URL + path
}
