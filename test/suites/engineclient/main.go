// Command engineclient is the server for engine.io-client's own tests, in the place of the one on Node.js that they
// bring. It listens on localhost:3000.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
)

// An echo greets its client, and sends what that says back, but for what it asks for by name.
type echo struct {
	session *engineio.Session
	posts   *posts
}

func (e echo) text(s string) {
	e.session.Send(engineio.NewTextMessage([]byte(s), nil, engineio.MessageOptions{}))
}

func (e echo) OnMessage(data []byte, binary bool) {
	switch text := string(data); {
	case binary:
		e.session.Send(engineio.NewBinaryMessage(data, engineio.MessageOptions{}))
	case text == "give binary":
		e.session.Send(engineio.NewBinaryMessage([]byte{0, 1, 2, 3, 4}, engineio.MessageOptions{}))
	case text == "give utf8":
		e.text("пойду спать всем спокойной ночи")
	case text == "sendHeaders":
		e.text(e.posts.header(e.session.ID()))
	default:
		e.text(text)
	}
}

func (e echo) OnClose(engineio.Reason) {}

// posts are the headers of each session's last POST, as Node.js gives them.
type posts struct {
	mu   sync.Mutex
	last map[string]string
}

func (p *posts) header(sid string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last[sid]
}

func (p *posts) note(r *http.Request) {
	header := make(map[string]string)
	for name, values := range r.Header {
		header[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	text, _ := json.Marshal(header)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[engineio.SessionID(r)] = string(text)
}

// cookies are what a handshake sets: one that stays a day, one with attributes, and two that are over.
var cookies = []string{
	"1=1; Max-Age=86400",
	"2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
	"3=3; Max-Age=0",
}

func main() {
	sent := &posts{last: make(map[string]string)}
	server := engineio.NewServer(engineio.Options{
		PingInterval:      500 * time.Millisecond,
		MaxHTTPBufferSize: 100,
		AllowRequest: func(r *http.Request) error {
			if r.URL.Query().Has("deny") {
				return errors.New("denied")
			}
			return nil
		},
	}, func(s *engineio.Session) engineio.Handler {
		e := echo{s, sent}
		e.text("hi")
		return e
	})
	err := http.ListenAndServe("localhost:3000", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			sent.note(r)
		}
		if engineio.SessionID(r) == "" {
			for _, cookie := range cookies {
				w.Header().Add("Set-Cookie", cookie)
			}
			w.Header().Add("Set-Cookie", "4=4; Expires="+time.Now().UTC().Format(http.TimeFormat))
		}
		server.ServeHTTP(w, r)
	}))
	if !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "engineclient:", err)
		os.Exit(1)
	}
}
