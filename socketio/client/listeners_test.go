package client_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

// A journal notes which handlers have run.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(line string) func(*client.Event) error {
	return func(e *client.Event) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.lines = append(j.lines, line+" "+e.Name())
		return nil
	}
}

// read returns what has been noted once an event has gone to the server and back, and begins anew.
func (j *journal) read(t *testing.T, s *client.Socket, event string) []string {
	t.Helper()
	back := make(chan struct{})
	last := s.Once("bounced", func(*client.Event) error { close(back); return nil })
	defer last.Off()
	if err := s.Emit("bounce", event); err != nil {
		t.Fatal(err)
	}
	receive(t, "the event", back)
	done := make(chan struct{})
	s.Do(func() { close(done) })
	receive(t, "the end of the handlers", done)
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func TestHandlersComeAndGo(t *testing.T) {
	s := connect(t, ourServer(t), client.Options{})
	var j journal
	want := func(lines ...string) {
		t.Helper()
		if got := j.read(t, s, "x"); !slices.Equal(got, lines) {
			t.Errorf("%q have run, want %q", got, lines)
		}
	}
	first := s.On("bounced", j.note("first"))
	s.On("bounced", j.note("second"))
	s.Once("bounced", j.note("once"))
	s.On("other", j.note("other"))
	if got := s.EventNames(); !slices.Equal(got, []string{"bounced", "other"}) {
		t.Errorf("the names are %q", got)
	}
	want("first bounced", "second bounced", "once bounced")
	want("first bounced", "second bounced")
	first.Off()
	first.Off()
	client.Listener{}.Off()
	want("second bounced")
	second := s.OnAny(j.note("any"))
	s.PrependAny(j.note("before any"))
	want("before any bounced", "any bounced", "second bounced")
	second.Off()
	want("before any bounced", "second bounced")
	s.OffAny()
	s.Off("bounced")
	want()

	// What is sent: "bounce", as it goes to the server.
	out := s.OnAnyOutgoing(j.note("out"))
	s.PrependAnyOutgoing(j.note("before out"))
	want("before out bounce", "out bounce")
	out.Off()
	want("before out bounce")
	s.OffAnyOutgoing()
	s.OnAny(j.note("any"))
	s.OffAll()
	if got := s.EventNames(); len(got) != 0 {
		t.Errorf("the names are %q", got)
	}
	want("any bounced")
}

func TestOutgoingHandlersSeeTheArguments(t *testing.T) {
	s := newSocket(t, ourServer(t), client.Options{})
	seen := make(chan string, 10)
	s.OnAnyOutgoing(func(e *client.Event) error {
		var text string
		var b []byte
		if err := e.Bind(&text, &b); err != nil {
			return err
		}
		seen <- e.Name() + " " + text + " " + string(b)
		return e.Ack() // there is nothing to acknowledge
	})
	if err := s.Emit("waits", "for the connection", []byte("bytes")); err != nil {
		t.Fatal(err)
	}
	open(t, s)
	if got := receive(t, "what is sent", seen); got != "waits for the connection bytes" {
		t.Errorf("seen is %q", got)
	}
}

func TestReservedEventsGetNoHandler(t *testing.T) {
	s := newSocket(t, "http://localhost", client.Options{})
	s.On("connect", func(*client.Event) error { return nil })
	if got := s.EventNames(); len(got) != 0 {
		t.Errorf("the names are %q", got)
	}
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://localhost:3000": "/", "http://localhost:3000/": "/", "https://h/chat": "/chat",
		"ws://h/a/b?c=d":      "/a/b",
		"wss://[::1]:80/woot": "/woot", "http://h/#x": "/",
	} {
		s, err := client.New(url, client.Options{})
		if err != nil {
			t.Errorf("%s: %v", url, err)
		} else if s.Namespace() != want {
			t.Errorf("%s: the namespace is %q, want %q", url, s.Namespace(), want)
		}
	}
	for _, url := range []string{"", "localhost", "localhost:3000", "/chat", "ftp://h", "http://%zz"} {
		if _, err := client.New(url, client.Options{}); err == nil {
			t.Errorf("%q is no error", url)
		}
	}
}
