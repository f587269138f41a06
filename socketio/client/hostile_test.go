package client_test

// What sockets do with a server that breaks the rules: they end, or go on, and connect again; nothing is left behind.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"

	"net/http/httptest"
)

// A script is an Engine.IO server whose messages the test writes: those that answer a session's opening, and those that
// answer each message of a client.
type script struct {
	url      string
	sessions atomic.Int32
	got      chan string // what clients send
}

// newScript returns one that answers a client's message with what reply says of it; "close" closes the session, and
// what begins with "bin:" is a binary message.
func newScript(t testing.TB, reply func(session int, message string) []string) *script {
	t.Helper()
	sc := &script{got: make(chan string, 1<<12)}
	srv := engineio.NewServer(engineio.Options{Path: "/socket.io/", PingInterval: 100 * time.Millisecond},
		func(s *engineio.Session) engineio.Handler {
			h := &scripted{s: s, script: sc, number: int(sc.sessions.Add(1)), reply: reply}
			h.say(reply(h.number, ""))
			return h
		})
	server := httptest.NewServer(srv)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = srv.Shutdown(ctx)
		server.Close()
	})
	sc.url = server.URL
	return sc
}

type scripted struct {
	s      *engineio.Session
	script *script
	number int
	reply  func(int, string) []string
}

func (h *scripted) OnMessage(data []byte, binary bool) {
	select {
	case h.script.got <- string(data):
	default:
	}
	h.say(h.reply(h.number, string(data)))
}

func (h *scripted) OnClose(engineio.Reason) {}

func (h *scripted) say(messages []string) {
	for _, m := range messages {
		if b, ok := strings.CutPrefix(m, "bin:"); ok {
			h.s.Send(engineio.NewBinaryMessage([]byte(b), engineio.MessageOptions{}))
		} else if m == "close" {
			h.s.Close(engineio.ReasonForcedClose)
		} else {
			h.s.Send(engineio.NewTextMessage([]byte(m), nil, engineio.MessageOptions{}))
		}
	}
}

const welcome = `0{"sid":"abc"}`

// fast are options with which a client comes back soon.
func fast() client.Options {
	return client.Options{
		Transports: []string{"websocket"}, ReconnectionDelay: time.Millisecond,
		ReconnectionDelayMax: 5 * time.Millisecond,
		ConnectTimeout:       300 * time.Millisecond,
	}
}

// TestGarbageIsAParseError: a first session that goes wrong, and a second one that does not.
func TestGarbageIsAParseError(t *testing.T) {
	for _, garbage := range [][]string{
		{"9"}, {"a"}, {"2{"}, {"2" + "[1,}"}, {`2["x"`}, {"2{}"}, {"2[]"}, {"2[true]"}, {`2["connect"]`},
		{"0[]"}, {"0\"x\""},
		{"1{}"}, {"3" + "{}"}, {"4[]"}, {"5"}, {`5-["x"]`}, {`51-["x",{"_placeholder":true,"num":7}]`, "bin:a"},
		{`599-["x"]`}, {"bin:unasked"}, {`51-["x"]`, `2["y"]`}, {`2["x",` + strings.Repeat("[",
			600) + strings.Repeat("]", 600) + `]`},
	} {
		t.Run(fmt.Sprintf("%.20q", garbage), func(t *testing.T) {
			t.Parallel()
			sc := newScript(t, func(session int, message string) []string {
				switch {
				case message != "0":
					return nil
				case session == 1:
					return append([]string{welcome}, garbage...)
				}
				return []string{`0{"sid":"second"}`}
			})
			s := newSocket(t, sc.url, fast())
			gone, up := disconnects(s), connects(s)
			s.Open()
			receive(t, "the connection", up)
			if r := receive(t, "the end", gone); r != client.ReasonParseError {
				t.Errorf("the reason is %q", r)
			}
			for id := ""; id != "second"; {
				id = receive(t, "another connection", up)
			}
		})
	}
}

// TestOddPacketsAreIgnored: they are for nobody, or say again what is known.
func TestOddPacketsAreIgnored(t *testing.T) {
	sc := newScript(t, func(_ int, message string) []string {
		if message != "0" {
			return nil
		}
		return []string{
			`2["early"]`, `35["nobody waits"]`, "3/other,1[]", `2/other,["x"]`, "1/other,", `4/other,{"message":"x"}`,
			welcome, welcome, `0{"sid":"another"}`, "35[]", "30", "3[]", "3" + strings.Repeat("9", 400) + "[]", "2",
			`2["late"]`,
		}
	})
	s := newSocket(t, sc.url, fast())
	early, late := hear(s, "early"), hear(s, "late")
	open(t, s)
	receive(t, "what came before the connection", early)
	receive(t, "the last event", late)
	if s.ID() != "abc" || !s.Connected() {
		t.Errorf("the id is %q", s.ID())
	}
}

// TestClosingBeforeTheAnswer: a DISCONNECT ahead of the answer to CONNECT would be out of turn, and end the other
// sockets.
func TestClosingBeforeTheAnswer(t *testing.T) {
	sc := newScript(t, func(_ int, message string) []string {
		switch message {
		case "0":
			return []string{welcome}
		case `2["answer"]`:
			return []string{`0/slow,{"sid":"late"}`}
		}
		return nil
	})
	main := connect(t, sc.url, fast())
	slow := main.Conn().Socket("/slow")
	slow.Open()
	slow.Close()
	if err := main.Emit("answer"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0", "0/slow,", `2["answer"]`, "1/slow,"} {
		if got := receive(t, "what the client sends", sc.got); got != want {
			t.Errorf("the client sends %q, want %q", got, want)
		}
	}
	if !main.Connected() || slow.Connected() {
		t.Error("the sockets are not as they should be")
	}
}

func TestOddAnswersToConnect(t *testing.T) {
	for answer, want := range map[string]string{
		`0`:                               "version 2",
		`0{}`:                             "version 2",
		`0{"sid":""}`:                     "version 2",
		`0{"sid":5}`:                      "version 2",
		`4{"message":"no"}`:               "refused by the server: no",
		`4"old"`:                          "refused by the server: old",
		`4{}`:                             "refused by the server: ",
		`4`:                               "refused by the server: ",
		`4{"message":{"a":1},"data":[1]}`: `refused by the server: {"a":1}`,
		`4{"message":null,"data":"x"}`:    "refused by the server: ",
		`4{"data":{"_placeholder":true}}`: "refused by the server: ",
		`4{"message":"a","message":"b"}`:  "refused by the server: b",
		"1":                               "disconnected: io server disconnect",
	} {
		sc := newScript(t, func(_ int, message string) []string {
			if message == "0" {
				return []string{answer}
			}
			return nil
		})
		s := newSocket(t, sc.url, fast())
		err := s.Connect(deadline(t))
		if err == nil || !strings.Contains(err.Error(), want) || s.Active() {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// TestSilenceBehindConnect: a server that answers pings and nothing else.
func TestSilenceBehindConnect(t *testing.T) {
	sc := newScript(t, func(session int, message string) []string {
		if message == "0" && session == 3 {
			return []string{welcome}
		}
		return nil
	})
	s := newSocket(t, sc.url, fast())
	failed := connectErrors(s)
	open(t, s)
	if err := receive(t, "an error", failed); !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("the error is %v", err)
	}
	if n := sc.sessions.Load(); n != 3 {
		t.Errorf("connected after %d sessions", n)
	}
}

// TestAttachmentsThatNeverCome: a server that goes on pinging.
func TestAttachmentsThatNeverCome(t *testing.T) {
	sc := newScript(t, func(session int, message string) []string {
		if message == "0" && session == 1 {
			return []string{welcome, `52-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "bin:one"}
		}
		return []string{`0{"sid":"second"}`}
	})
	s := newSocket(t, sc.url, fast())
	gone := disconnects(s)
	open(t, s)
	if r := receive(t, "the end", gone); r != client.ReasonParseError {
		t.Errorf("the reason is %q", r)
	}
	open(t, s)
}

func TestAcknowledgementsComeOnce(t *testing.T) {
	sc := newScript(t, func(_ int, message string) []string {
		switch {
		case message == "0":
			return []string{welcome}
		case strings.HasPrefix(message, `20["`):
			return []string{`30["first"]`, `30["second"]`, `31["too early"]`, `30["third"]`}
		case strings.HasPrefix(message, `21["`):
			return []string{`31["right"]`}
		}
		return nil
	})
	s := connect(t, sc.url, fast())
	if got, err := client.Ask[string](deadline(t), s, "a"); err != nil || got != "first" {
		t.Errorf("%q (%v)", got, err)
	}
	if got, err := client.Ask[string](deadline(t), s, "b"); err != nil || got != "right" {
		t.Errorf("%q (%v)", got, err)
	}
}

// TestAServerThatClosesEachSession is not asked without a pause.
func TestAServerThatClosesEachSession(t *testing.T) {
	sc := newScript(t, func(_ int, message string) []string {
		if message == "0" {
			return []string{welcome, "close"}
		}
		return nil
	})
	opts := fast()
	opts.ReconnectionDelay, opts.ReconnectionDelayMax = 100*time.Millisecond, time.Second
	s := newSocket(t, sc.url, opts)
	gone := disconnects(s)
	began := time.Now()
	s.Open()
	for range 4 {
		receive(t, "an end", gone)
	}
	if took := time.Since(began); took < 3*50*time.Millisecond {
		t.Errorf("four sessions in %v", took)
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	s := newSocket(t, "http://localhost", client.Options{MaxBufferBytes: 1 << 16})
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = s.Emit("x", strings.Repeat("x", 1000))
	}
	if !errors.Is(err, client.ErrBufferFull) || n < 50 {
		t.Errorf("after %d events: %v", n, err)
	}
}

// TestAHandlerThatBlocksIsFelt by the server, and not by the heartbeat; one that asks the server gets its answer.
func TestAHandlerThatBlocksIsFelt(t *testing.T) {
	var sent atomic.Int32
	sc := newScript(t, func(_ int, message string) []string {
		switch {
		case message == "0":
			return []string{welcome}
		case strings.HasPrefix(message, `2["flood"]`):
			big := `2["big","` + strings.Repeat("x", 1000) + `"]`
			messages := make([]string, 2000)
			for i := range messages {
				messages[i] = big
			}
			sent.Store(int32(len(messages)))
			return messages
		case strings.HasPrefix(message, "20["):
			return []string{`30["answer"]`}
		}
		return nil
	})
	opts := fast()
	opts.MaxInboundBytes = 1 << 19
	s := newSocket(t, sc.url, opts)
	gone := disconnects(s)
	release, handled := make(chan struct{}), make(chan int, 4000)
	n := 0
	s.On("big", func(*client.Event) error {
		if n == 0 {
			if got, err := client.Ask[string](deadline(t), s, "question"); err != nil || got != "answer" {
				t.Errorf("the handler's question: %q (%v)", got, err)
			}
			<-release
		}
		n++
		handled <- n
		return nil
	})
	open(t, s)
	if err := s.Emit("flood"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // five of the server's pings; it gives up after 20 s
	select {
	case r := <-gone:
		t.Fatalf("disconnected: %s", r)
	default:
	}
	close(release)
	for i := range 2000 {
		if got := receive(t, "an event", handled); got != i+1 {
			t.Fatalf("event %d comes as number %d", got, i+1)
		}
	}
}

func TestHandlersThatFail(t *testing.T) {
	sc := newScript(t, func(_ int, message string) []string {
		if message == "0" {
			return []string{
				welcome, `20["panic"]`, `21["fail"]`, `22["secret"]`, `23["bind",5]`, `24["later"]`,
				`2["panic"]`, `25["invalid",{"N":-1}]`, `26["done"]`, `27["optional"]`,
			}
		}
		return nil
	})
	opts := fast()
	reported := make(chan error, 10)
	opts.OnError = func(_ *client.Socket, err error) { reported <- err }
	s := newSocket(t, sc.url, opts)
	s.On("panic", func(*client.Event) error { panic("oh") })
	s.On("fail", func(*client.Event) error {
		return fmt.Errorf("as it is: %w", &client.Error{Message: "sold out", Data: 7})
	})
	s.On("secret", func(*client.Event) error { return errors.New("the password is x") })
	client.Handle(s, "bind", func(_ context.Context, in string) (string, error) { return in, nil })
	client.Handle(s, "invalid", func(_ context.Context, in positive) (positive, error) { return in, nil })
	client.On0(s, "done", func(context.Context) error { return nil })
	client.Handle2(s, "optional", func(_ context.Context, a *string, b parser.Raw) (bool, error) {
		return a == nil && b.IsZero(), nil
	})
	s.On("later", func(e *client.Event) error { return e.Ack("on time") })
	open(t, s)
	for _, want := range []string{
		"0", `30[{"error":"internal error"}]`, `31[{"data":7,"error":"sold out"}]`, `32[{"error":"internal error"}]`,
		`33[{"error":"invalid arguments"}]`, `34["on time"]`, `35[{"error":"it is not positive"}]`,
		"36[]", "37[true]",
	} {
		if got := receive(t, "an answer", sc.got); got != want {
			t.Errorf("the server gets %s, want %s", got, want)
		}
	}
	var panicked *client.PanicError
	if err := receive(t, "a report", reported); !errors.As(err, &panicked) || panicked.Value != "oh" {
		t.Errorf("reported is %v", err)
	}
}

type positive struct{ N int }

func (p *positive) Validate() error {
	if p.N <= 0 {
		return errors.New("it is not positive")
	}
	return nil
}

// TestAuthFuncIsAskedAgain after an error.
func TestAuthFuncIsAskedAgain(t *testing.T) {
	opts := fast()
	calls := 0
	opts.AuthFunc = func(ctx context.Context) (any, error) {
		if calls++; calls < 3 {
			return nil, errors.New("no token yet")
		}
		return map[string]int{"call": calls}, nil
	}
	s := newSocket(t, ourServer(t), opts)
	failed := connectErrors(s)
	open(t, s)
	for range 2 {
		if err := receive(t, "an error", failed); !strings.Contains(err.Error(), "no token yet") {
			t.Error(err)
		}
	}
	bad := fast()
	bad.Auth = []int{1}
	if err := newSocket(t, ourServer(t), bad).Connect(deadline(t)); err == nil {
		t.Error("auth that is no object is no error")
	}
}

// TestCloseMayComeAtAnyTime, from anywhere.
func TestCloseMayComeAtAnyTime(t *testing.T) {
	url := ourServer(t)
	for i := range 60 {
		opts := fast()
		if i%2 == 0 {
			opts.Transports = nil
		}
		s := newSocket(t, url, opts)
		_ = s.Emit("bounce", 1)
		s.Open()
		switch i % 3 {
		case 0:
			time.Sleep(time.Duration(i) * 100 * time.Microsecond)
		case 1:
			s.OnConnect(s.Close)
			time.Sleep(time.Duration(i) * 50 * time.Microsecond)
		}
		stop(t, s)
	}
}
