package engineio

// HTTP long-polling: what goes over it, two requests at once, requests broken off, bounds, and ends.

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

func TestPollingMessages(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openPoll()
	c.post("4hello")
	c.wantPoll("4hello")
	c.post("4a\x1ebAQIDBA==\x1e4é")
	c.wantPoll("4a\x1ebAQIDBA==\x1e4é")
	want := []received{{"hello", false}, {"a", false}, {"\x01\x02\x03\x04", true}, {"é", false}}
	if got := c.peer().messages(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("received %v, want %v", got, want)
	}
	// A waiting poll gets what comes.
	wait := c.startPoll()
	c.peer().Send(NewTextMessage([]byte("51-"), [][]byte{{1, 2, 3, 4}}, MessageOptions{}))
	if a := <-wait; a.body != "451-\x1ebAQIDBA==" {
		t.Errorf("attachments: %q", a.body)
	}
	a := c.want(http.MethodPost, c.params, "4x", 200, "ok")
	if a.header.Get("Content-Type") != "text/html" || a.header.Get("Cache-Control") != "no-store" ||
		a.header.Get("Content-Length") != "2" {
		t.Errorf("headers of a POST's answer: %v", a.header)
	}
	// Some clients declare the body to be form data; it is read like any other.
	c.want(http.MethodPost, c.params, "4form", 200, "ok", "Content-Type", "application/x-www-form-urlencoded")
	c.wantPoll("4x\x1e4form")
	c.post("4\xff")
	c.wantPoll("4\ufffd")
}

// Packets that mean nothing are ignored, and others end the session, as in Node.js.
func TestPollingOddPackets(t *testing.T) {
	h := start(t, setup{message: echo})
	for _, packet := range []string{"3", "5", "6", "0"} {
		c := h.openPoll()
		c.post(packet + "\x1e4still here")
		c.wantPoll("4still here")
	}
	for packet, reason := range map[string]Reason{
		"abc":           ReasonParseError,
		"":              ReasonParseError,
		"7":             ReasonParseError,
		"2":             ReasonTransportError,
		"1":             ReasonTransportClose,
		"4a\x1e9\x1e4b": ReasonParseError,
		"4a\x1e1\x1e4b": ReasonTransportClose,
	} {
		c := h.openPoll()
		p := c.peer()
		c.post(packet)
		c.wantGone()
		p.wantClose(t, reason)
		if got := p.messages(); len(got) > 1 {
			t.Errorf("%q: %v", packet, got)
		}
	}
	for packet, want := range map[string]string{"abc": "1", "1": "6"} { // what a waiting poll gets
		c := h.openPoll()
		wait := c.startPoll()
		c.post(packet)
		if a := <-wait; a.status != 200 || a.body != want {
			t.Errorf("%q: %d %q, want %q", packet, a.status, a.body, want)
		}
		c.wantGone()
	}
	c := h.openPoll()
	c.want(http.MethodPost, c.params, "40", 400, "", "Content-Type", "application/octet-stream")
	c.peer().wantClose(t, ReasonTransportError)
}

func TestPollOverlap(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	wait := c.startPoll()
	c.want("GET", c.params, "", 400, "")
	if a := <-wait; a.status != 200 || a.body != "1" {
		t.Errorf("the first: %d %q", a.status, a.body)
	}
	c.wantGone()
	c.peer().wantClose(t, ReasonTransportError)
}

// slowPost begins a POST, and leaves the rest of its body to the test.
func (c *pollClient) slowPost(length int, begin string) net.Conn {
	c.t.Helper()
	conn, err := c.http.Transport.(*http.Transport).DialContext(context.Background(), "", "")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, c.postHead(length)+begin); err != nil {
		c.t.Fatal(err)
	}
	p := c.peer()
	eventually(c.t, "the POST", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.polling.abortPost != nil
	})
	return conn
}

func TestPostOverlap(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	conn := c.slowPost(10, "4abc")
	c.want("POST", c.params, "4x", 400, "")
	c.peer().wantClose(t, ReasonTransportError)
	// The first is answered too, without its body.
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 400 {
		t.Errorf("the first: %v %v", resp, err)
	}
	if got := c.peer().messages(); len(got) != 0 {
		t.Errorf("received %v", got)
	}
}

func TestSlowPost(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openPoll()
	conn := c.slowPost(6, "4")
	for _, b := range []string{"h", "e", "l", "lo"} {
		if _, err := io.WriteString(conn, b); err != nil {
			t.Fatal(err)
		}
	}
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	c.wantPoll("4hello")

	conn = c.slowPost(6, "4he")
	_ = conn.Close()
	c.peer().wantClose(t, ReasonTransportError)
	c.wantGone()
}

func TestCancelledPoll(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := h.do(ctx, "GET", h.url("http", c.params), nil)
		done <- err
	}()
	p := c.peer()
	eventually(t, "the poll", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.polling.poll != nil
	})
	cancel()
	if err := <-done; err == nil {
		t.Error("the poll was answered")
	}
	p.wantClose(t, ReasonTransportError)
	c.wantGone()
}

func TestMaxPayload(t *testing.T) {
	h := start(t, setup{opts: Options{MaxHTTPBufferSize: 1000}, message: echo})
	c := h.openPoll()
	exact := "4" + strings.Repeat("x", 999)
	c.post(exact)
	c.wantPoll(exact)
	wait := c.startPoll()
	c.want("POST", c.params, exact+"x", 413, "")
	chunked := io.MultiReader(strings.NewReader(exact), strings.NewReader("x"))
	a, err := h.do(t.Context(), "POST", h.url("http", c.params), chunked)
	if err != nil || a.status != 413 || a.body != "" {
		t.Errorf("chunked: %v %v", a, err)
	}
	c.post("4on") // neither the session nor the poll has suffered
	if a := <-wait; a.body != "4on" {
		t.Errorf("the poll: %v", a)
	}

	w := h.openWS()
	w.send(exact)
	w.want(1, exact)
	w.send(exact + "x")
	w.wantEnd(wsframe.CloseTooBig)
	h.peer(w.sid).wantClose(t, ReasonTransportError)
}

// A client that polls and does not read the answers gets one of them, and what it does not read still counts for the
// bound of its queue. Once it was given one answer after the other, each of them off the account.
func TestPollsThatAreNotRead(t *testing.T) {
	h := tinyHost(t, setup{opts: Options{MaxQueueBytes: 8 << 20, PingInterval: time.Hour}})
	c := h.openPoll()
	p := c.peer()
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	big := text(strings.Repeat("x", 3<<20))
	for range 2 { // the first poll gets the answer, the second waits behind it
		conn, err := dialTiny(t.Context(), h.network, h.addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		fmt.Fprintf(conn, "GET /engine.io/?EIO=4&%s HTTP/1.1\r\nHost: server.example\r\n\r\n", c.params)
		eventually(t, "the poll", func() bool {
			p.Session.mu.Lock()
			defer p.Session.mu.Unlock()
			return p.polling.poll != nil
		})
		if !p.Send(big) {
			t.Fatal("closed too early")
		}
		if len(conns) == 1 {
			eventually(t, "the answer", func() bool {
				p.Session.mu.Lock()
				defer p.Session.mu.Unlock()
				return p.polling.answering != nil
			})
		}
	}
	p.Session.mu.Lock()
	queued, waiting := p.queued, p.polling.poll != nil
	p.Session.mu.Unlock()
	if queued < 6<<20 || !waiting {
		t.Errorf("%d bytes on the account, a poll waits: %v", queued, waiting)
	}
	if p.Send(NewTextMessage([]byte("v"), nil, MessageOptions{Volatile: true})) {
		t.Error("a volatile message is queued for a client that does not read")
	}
	if p.Send(big) {
		t.Error("the queue has no bound")
	}
	p.wantClose(t, ReasonSlowClient)
	// Its requests do not outlive it for long.
	eventually(t, "the end of the answer", func() bool {
		p.Session.mu.Lock()
		defer p.Session.mu.Unlock()
		return p.polling.answering == nil
	})
}

// A session that is closed between two polls tells the next poll.
func TestCloseBetweenPolls(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	p := c.peer()
	p.Send(text("last"))
	p.Close(ReasonForcedClose)
	if p.Send(text("late")) {
		t.Error("a closing session takes messages")
	}
	c.post("4ignored")
	c.wantPoll("4last")
	c.wantPoll("6\x1e1")
	p.wantClose(t, ReasonForcedClose)
	c.wantGone()
	if got := p.messages(); len(got) != 0 {
		t.Errorf("received %v after Close", got)
	}

	c = h.openPoll()
	c.peer().Close(ReasonForcedClose)
	c.wantPoll("6\x1e1") // Node.js's answer where nothing else is queued
	c.wantGone()

	c = h.openPoll()
	wait := c.startPoll()
	c.peer().Close(ReasonForcedClose)
	if a := <-wait; a.body != "1" {
		t.Errorf("a waiting poll: %q", a.body)
	}
	c.wantGone()
}

func TestCloseNeverFetched(t *testing.T) {
	h := start(t, setup{closeTimeout: 20 * time.Millisecond})
	c := h.openPoll()
	c.peer().Close(ReasonForcedClose)
	c.peer().wantClose(t, ReasonForcedClose)
	c.wantGone()
}

func TestCompressionOfPolls(t *testing.T) {
	h := start(t, setup{opts: Options{HTTPCompression: 1000}})
	off := start(t, setup{opts: Options{HTTPCompression: -1}})
	at, under := strings.Repeat("a", 999), strings.Repeat("a", 998)
	tests := []struct {
		host           *host
		accept         string
		body           string
		noCompress     bool
		wantCompressed bool
	}{
		{h, "gzip", at, false, true},
		{h, "gzip", under, false, false},
		{h, "gzip", at, true, false},
		{off, "gzip", at, false, false},
		{h, "", at, false, false},
		{h, "deflate, br", at, false, false},
		{h, "br, GZIP;q=0.5", at, false, true},
		{h, "gzip;q=0", at, false, false},
		{h, "gzip; Q=0.000", at, false, false},
		{h, "*", at, false, true},
		{h, "*;q=0", at, false, false},
		{h, "*, gzip;q=0", at, false, false},
		{h, "*;q=0, gzip", at, false, true},
		{h, "gzip;q=x", at, false, false},
	}
	for _, tt := range tests {
		c := tt.host.openPoll()
		c.peer().Send(NewTextMessage([]byte(tt.body), nil, MessageOptions{NoCompress: tt.noCompress}))
		a, err := tt.host.request("GET", c.params, "", "Accept-Encoding", tt.accept)
		if err != nil {
			t.Fatal(err)
		}
		compressed := a.header.Get("Content-Encoding") == "gzip"
		if compressed {
			z, err := gzip.NewReader(strings.NewReader(a.body))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			a.body = string(b)
		}
		if compressed != tt.wantCompressed || a.body != "4"+tt.body {
			t.Errorf("accepting %q, %d bytes: compressed %v, body of %d",
				tt.accept, len(tt.body), compressed, len(a.body))
		}
	}
}
