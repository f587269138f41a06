package socketio

// Messages that are not parsed where they are read, because they are long.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// Whatever the messages' lengths, their events come in order, and the end comes behind them.
func TestLongMessagesKeepTheirOrder(t *testing.T) {
	long := strings.Repeat("x", longEvent)
	ends := map[string]func(c *testClient) Reason{
		"the connection": func(c *testClient) Reason {
			c.drop(engineio.ReasonTransportClose)
			return ReasonTransportClose
		},
		"DISCONNECT": func(c *testClient) Reason {
			c.send(`1`)
			return ReasonClientDisconnect
		},
		"what is not a packet": func(c *testClient) Reason {
			c.send(`nonsense`)
			return ReasonForcedClose
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			srv := newTestServer(t, Options{MaxInboundBytes: 1 << 30})
			var got []string
			reasons := make(chan Reason, 1)
			note := func(e *Event) error {
				got = append(got, fmt.Sprint(e.Name(), " ", len(e.Raw(1).Attachments())))
				return nil
			}
			for i := range 60 {
				srv.On(fmt.Sprint(i), note)
			}
			srv.OnDisconnect(func(_ *Socket, r Reason) { reasons <- r })
			c := srv.connect()
			var want []string
			for i := 0; i < 60; i += 3 {
				c.send(fmt.Sprintf(`2["%d","%s",0]`, i, long), fmt.Sprintf(`2["%d",0,0]`, i+1),
					fmt.Sprintf(`51-["%d","%s",{"_placeholder":true,"num":0}]`, i+2, long), `<bin 01>`)
				want = append(want, fmt.Sprint(i, " 0"), fmt.Sprint(i+1, " 0"), fmt.Sprint(i+2, " 1"))
			}
			reason := end(c)
			if r := receive(t, "the end", reasons); r != reason {
				t.Errorf("it ends with %q, want %q", r, reason)
			}
			if reason != ReasonForcedClose && !slices.Equal(got, want) {
				t.Errorf("handled %v", got)
			}
			eventually(t, "nothing waits any more", func() bool { return c.conn.waiting.Load() == 0 })
		})
	}
}

// A slowParser takes its time for long messages.
type slowParser struct {
	parser.Default
	reached, proceed chan struct{}
}

func (p *slowParser) Decode(partial *parser.Packet, data []byte, binary bool) (parser.Packet, error) {
	if len(data) >= longEvent {
		p.reached <- struct{}{}
		<-p.proceed
	}
	return p.Default.Decode(partial, data, binary)
}

// Who reads does not wait for a long message to be parsed, and what the client sends meanwhile is held up, also by the
// bound on what may wait.
func TestLongMessagesHoldUpNobody(t *testing.T) {
	p := &slowParser{reached: make(chan struct{}, 9), proceed: make(chan struct{})}
	srv := newTestServer(t, Options{Parser: p, MaxInboundBytes: 3 * longEvent})
	heard := make(chan string, 9)
	srv.On("x", func(e *Event) error { heard <- e.Socket().ID(); _ = e.Ack(); return nil })
	c, other := srv.connect(), srv.connect()
	long := `2["x","` + strings.Repeat("x", longEvent) + `"]`
	c.send(long, `2["x"]`) // it returns
	receive(t, "the parser", p.reached)
	other.send(`20["x"]`)
	other.want(`30[]`)
	if id := receive(t, "the other's event", heard); id != other.sid {
		t.Error("an event overtakes the one that is parsed")
	}
	if c.pauses.Load() != 1 {
		t.Error("more is read of who has sent a long message")
	}
	c.send(long, long)
	if c.pauses.Load() != 2 {
		t.Error("three long messages wait, and are within the bound")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if c.conn.Finish(ctx); ctx.Err() == nil {
		t.Error("it is said to have finished with messages that wait")
	}
	close(p.proceed)
	for range 4 {
		receive(t, "an event", heard)
	}
	eventually(t, "it is read from", func() bool { return c.pauses.Load() == 0 })
	c.conn.Finish(context.Background())
}

// A client that has been disconnected has its messages parsed in vain.
func TestLongMessagesOfWhoIsDisconnected(t *testing.T) {
	p := &slowParser{reached: make(chan struct{}, 9), proceed: make(chan struct{})}
	srv := newTestServer(t, Options{Parser: p})
	srv.On("x", func(*Event) error { t.Error("handled"); return nil })
	c := srv.connect()
	c.send(`2["x","`+strings.Repeat("x", longEvent)+`"]`, `2["x"]`)
	receive(t, "the parser", p.reached)
	c.socket().Disconnect(true)
	c.wantEnded(engineio.ReasonForcedClose)
	close(p.proceed)
	eventually(t, "nothing waits any more", func() bool { return c.conn.waiting.Load() == 0 && c.pauses.Load() == 0 })
}

// A POST has its answer when its long message has been parsed, so that the client finds what Node.js has done by then.
func TestPOSTWaitsForItsLongMessage(t *testing.T) {
	p := &slowParser{reached: make(chan struct{}, 1), proceed: make(chan struct{})}
	_, addr := startServer(t, Options{Parser: p})
	url := "http://" + addr + "/socket.io/?EIO=4&transport=polling"
	get := func(url string) string {
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	sid, _ := between(get(url), `"sid":"`, `"`)
	url += "&sid=" + sid
	answers := make(chan error, 1)
	go func() {
		answer, err := http.Post(url, "text/plain", strings.NewReader("4"+strings.Repeat("x", longEvent)))
		if err == nil {
			err = answer.Body.Close()
		}
		answers <- err
	}()
	receive(t, "the parser", p.reached)
	select {
	case <-answers:
		t.Error("the POST has its answer before its message is parsed")
	case <-time.After(50 * time.Millisecond):
	}
	close(p.proceed)
	if err := receive(t, "the answer", answers); err != nil {
		t.Error(err)
	}
	if got := get(url); got != "6\x1e1" {
		t.Errorf("the poll behind it gets %q", got)
	}
}
