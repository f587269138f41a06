package main

// The client against a server in memory that does what examples/rooms does for one room.

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screen is what the client prints.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestWhatIsTypedIsSaid(t *testing.T) {
	srv := socketiotest.New(t, socketio.Options{})
	srv.On("join", func(e *socketio.Event) error {
		e.Socket().Join("kitchen")
		return e.Ack([]string{"Bia"})
	})
	srv.On("say", func(e *socketio.Event) error {
		return srv.Emit("said", e.Raw(0), "Ana", e.Raw(1))
	})
	other := srv.Connect(t)
	typed, keys := io.Pipe()
	out := new(screen)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		opts := client.Options{DialContext: srv.Network.DialContext, ReconnectionDelay: time.Millisecond}
		ended <- chat(ctx, srv.URL, opts, "kitchen", typed, out)
	}()

	shows := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), want); {
			if time.Now().After(deadline) {
				t.Fatalf("no %q in\n%s", want, out)
			}
			time.Sleep(time.Millisecond)
		}
	}
	var room, who, text string
	say := func(line string) {
		if _, err := io.WriteString(keys, line+"\n"); err != nil {
			t.Fatal(err)
		}
		other.Expect("said", 10*time.Second, &room, &who, &text)
		if room != "kitchen" || text != line {
			t.Errorf("in the %s it is said: %s", room, text)
		}
		shows("Ana: " + line)
	}
	say("is there cake?")
	if err := srv.Emit("came", "kitchen", "Caio"); err != nil {
		t.Fatal(err)
	}
	srv.Network.Cut()
	other.ExpectDisconnect(10 * time.Second)
	other.Connect()
	shows("* disconnected: transport") // what is typed before it knows would be lost
	say("and now?")                    // the connection has come back
	keys.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	shows("* there already: [Bia]")
}
