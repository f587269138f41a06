package socketio

// What a program's errors become, and what is said of its sockets.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestFailedHandlerAnswers: a client that waits for an acknowledgement gets one when a handler fails, and learns no
// more than the program wants it to.
func TestFailedHandlerAnswers(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.On("told", func(*Event) error {
		return fmt.Errorf("secret detail: %w", &Error{Message: "no such room", Data: map[string]int{"code": 404}})
	})
	srv.On("plain", func(*Event) error { return &Error{Message: "not now"} })
	srv.On("secret", func(*Event) error { return errors.New("password of the database") })
	srv.On("panic", func(*Event) error { panic(&Error{Message: "in a panic"}) })
	srv.On("bind", func(e *Event) error { var n int; return e.Bind(&n) })
	srv.On("odd data", func(*Event) error { return &Error{Message: "odd", Data: make(chan int)} })
	srv.On("answered", func(e *Event) error { return errors.Join(e.Ack("yes"), errors.New("afterwards")) })
	srv.On("two", func(*Event) error { return &Error{Message: "first"} })
	srv.On("two", func(e *Event) error { return e.Ack("second") })
	srv.On("fine", func(*Event) error { return nil })
	srv.OnConnect(func(s *Socket) error {
		s.Use(func(e *Event) error {
			if e.Name() == "refused" {
				return &Error{Message: "not allowed"}
			}
			return nil
		})
		return nil
	})
	c := srv.connect()
	for _, x := range []struct{ sent, want string }{
		{`20["told"]`, `30[{"error":"no such room","data":{"code":404}}]`},
		{`21["plain"]`, `31[{"error":"not now"}]`},
		{`22["secret"]`, `32[{"error":"internal error"}]`},
		{`23["panic"]`, `33[{"error":"internal error"}]`},
		{`24["bind"]`, `34[{"error":"invalid arguments"}]`},
		{`25["bind","x"]`, `35[{"error":"invalid arguments"}]`},
		{`26["odd data"]`, `36[{"error":"odd"}]`},
		{`27["answered"]`, `37["yes"]`},
		{`28["two"]`, `38["second"]`},
		{`29["refused"]`, `39[{"error":"not allowed"}]`},
	} {
		c.send(x.sent)
		c.want(x.want)
	}
	c.send(`2["told"]`, `20["fine"]`, `21["nobody"]`) // nobody waits, or no handler has failed
	c.settle()
	c.wantNothing()
}

// TestClientsCannotFillTheLog: what is wrong with a client's arguments is for debug level, and handlers' errors are
// throttled.
func TestClientsCannotFillTheLog(t *testing.T) {
	var log syncBuffer
	failed := make(chan error, 1000)
	srv := newTestServer(t, Options{
		Logger:  slog.New(slog.NewTextHandler(&log, nil)),
		OnError: func(_ *Socket, err error) { failed <- err },
	})
	srv.On("bind", func(e *Event) error { var n int; return e.Bind(&n) })
	srv.On("refuse", func(*Event) error { return &Error{Message: "no"} })
	srv.On("fail", func(*Event) error { return errors.New("boom") })
	srv.On("panic", func(*Event) error { panic("boom") })
	c := srv.connect()
	for range 100 {
		c.send(`2["bind","x"]`, `2["refuse"]`)
	}
	c.settle()
	if got := log.String(); got != "" {
		t.Errorf("the log says\n%s", got)
	}
	for range 100 {
		c.send(`2["fail"]`, `2["panic"]`)
	}
	c.settle()
	if n := strings.Count(log.String(), "\n"); n != 2*reportBurst {
		t.Errorf("%d lines, want %d", n, 2*reportBurst)
	}
	if len(failed) != 400 {
		t.Errorf("OnError was told of %d errors", len(failed))
	}
}

// TestReservedNamesSaySo: a handler that can never run is a mistake, and the log says so when it is added.
func TestReservedNamesSaySo(t *testing.T) {
	for _, name := range []string{
		"connection", "connect", "disconnect", "disconnecting", "connect_error", "newListener",
	} {
		srv := newTestServer(t, Options{})
		srv.On(name, func(*Event) error { t.Errorf("the handler of %q runs", name); return nil })
		if log := srv.logs.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "event="+name) ||
			strings.Contains(name, "connection") && !strings.Contains(log, "use=OnConnect") {
			t.Errorf("%s: the log says %q", name, log)
		}
		if len(srv.main.EventNames()) != 0 {
			t.Errorf("%s is added", name)
		}
	}
	srv := newTestServer(t, Options{})
	srv.OnServerSideEmit("connection", func([]Raw, func(any) error) {})
	c := srv.connect()
	c.settle()
	c.socket().On("disconnect", func(*Event) error { return nil })
	if n := strings.Count(srv.logs.String(), "level=ERROR"); n != 2 {
		t.Errorf("%d errors in the log, want 2:\n%s", n, srv.logs.String())
	}
	// To a socket it is a name like any other, as in Node.
	c.socket().On("connection", func(e *Event) error { return e.Ack("ok") })
	c.send(`20["connection"]`)
	c.want(`30["ok"]`)
}

// TestWrappedConnectError keeps its message and data.
func TestWrappedConnectError(t *testing.T) {
	srv := newTestServer(t, Options{})
	srv.Use(func(*Socket) error {
		return fmt.Errorf("the token of Ana: %w", &ConnectError{Message: "expired", Data: map[string]int{"code": 401}})
	})
	c := srv.dial()
	c.send("0")
	c.want(`4{"message":"expired","data":{"code":401}}`)
}

// TestLogValue: a socket in the log is its id and its namespace, and nothing that is secret.
func TestLogValue(t *testing.T) {
	srv := newTestServer(t, Options{ConnectionStateRecovery: &ConnectionStateRecovery{}})
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	c := srv.dial()
	c.handshake.Header.Set("Authorization", "hidden")
	c.send(`0{"token":"hidden"}`)
	c.connected()
	s := c.socket()
	if err := s.SetData("hidden"); err != nil {
		t.Fatal(err)
	}
	remote, err := srv.FetchSockets(t.Context())
	if err != nil || len(remote) != 1 {
		t.Fatal(remote, err)
	}
	id := fmt.Sprintf(`{"id":%q,"namespace":"/"}`, c.sid)
	if got, want := fmt.Sprintf("%v %+v", s, s), strings.Repeat(c.sid+" of / ", 2); got+" " != want {
		t.Errorf("printed as %s, want %s", got, want)
	}
	for name, x := range map[string]struct {
		value any
		want  string
	}{
		"socket": {s, id}, "remote": {remote[0], id}, "namespace": {s.Namespace(), `"/"`},
		"event":     {&Event{socket: s, name: "x"}, `{"name":"x","socket":` + id + `}`},
		"handshake": {s.Handshake(), ""},
	} {
		log.Reset()
		logger.Info("x", "it", x.value)
		var line map[string]json.RawMessage
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if got := string(line["it"]); x.want != "" && got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
		for _, secret := range []string{"hidden", c.pid} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("%s: the log says %s", name, log.String())
			}
		}
	}
}
