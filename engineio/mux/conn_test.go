package mux

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestStreamReadsAndWrites(t *testing.T) {
	p := newPair(t, Options{})
	near, far := p.open(t)
	text := strings.Repeat("0123456789abcdef", 64<<10)
	go func() {
		_, _ = io.WriteString(near, text)
		_ = near.CloseWrite()
	}()
	if got, err := io.ReadAll(far); string(got) != text || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_, _ = io.WriteString(far, "answer") // the other half goes on
	far.Close()
	if got, err := io.ReadAll(near); string(got) != "answer" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("written to nobody: %v", err)
	}
	if near.LocalAddr().String() != far.RemoteAddr().String() {
		t.Errorf("%v, %v", near.LocalAddr(), far.RemoteAddr())
	}
}

// net/http interrupts a Read by its deadline, and takes that back.
func TestDeadlines(t *testing.T) {
	p := newPair(t, Options{})
	near, far := p.open(t)
	_ = near.SetDeadline(time.Time{})
	read := make(chan error, 1)
	go func() {
		_, err := near.Read(make([]byte, 1))
		read <- err
	}()
	_ = near.SetReadDeadline(time.Unix(1, 0))
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	_ = near.SetReadDeadline(time.Time{})
	_, _ = io.WriteString(far, "x")
	expect(t, near, "x")
	if n, err := near.Write(make([]byte, window)); n != window || err != nil {
		t.Errorf("%d %v", n, err)
	}
	_ = near.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := near.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d %v", n, err)
	}
}

// An http.Server serves streams, and lets go of them.
func TestHTTPServesStreams(t *testing.T) {
	p := newPair(t, Options{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hijack" {
			_, _ = io.WriteString(w, "served")
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if _, ok := conn.(*Stream); !ok {
			t.Errorf("it is a %T", conn)
		}
		_, _ = buffered.WriteString("hijacked")
		_ = buffered.Flush()
		conn.Close()
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(p.listener) }()
	near, err := p.client.Open()
	if err != nil {
		t.Fatal(err)
	}
	_ = near.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(near, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	in := bufio.NewReader(near)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); string(body) != "served" || err != nil {
		t.Errorf("%q %v", body, err)
	}
	_, _ = io.WriteString(near, "GET /hijack HTTP/1.1\r\nHost: x\r\n\r\n")
	if rest, _ := io.ReadAll(in); string(rest) != "hijacked" {
		t.Errorf("got %q", rest)
	}
	// A server that stops accepts no more, and what has been hijacked goes on.
	open, err := p.client.Open()
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Close()
	<-served
	_ = open.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(open, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(open), nil); err == nil {
		t.Error("a server that is closed answers")
	}
	late, err := p.client.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(late); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	until(t, "all are over", func() bool { return p.client.Streams() == 0 })
}

// More streams than there may be are refused, and so are those that nobody has accepted when the listener is closed.
func TestRefusedStreams(t *testing.T) {
	p := newPair(t, Options{MaxStreams: 2})
	refused := func(s *Stream) {
		t.Helper()
		_ = s.SetDeadline(time.Now().Add(patience))
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, ErrRefused) {
			t.Errorf("got %v", err)
		}
	}
	p.open(t)
	waits, err := p.client.Open()
	if err != nil {
		t.Fatal(err)
	}
	third, err := p.client.Open()
	if err != nil {
		t.Fatal(err)
	}
	refused(third)
	p.listener.Close()
	refused(waits)
	if _, err := p.listener.Accept(); err == nil {
		t.Error("a closed listener accepts")
	}
	if p.server.Err() != nil || p.server.Streams() != 1 {
		t.Errorf("%v, %d streams", p.server.Err(), p.server.Streams())
	}
}
