package client

// What a session does with a server that breaks every rule: it ends, with an error that says so, and nothing of it is
// left.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/brunossouza/websocket-escalonavel/engineio"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

const openPacket = `0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}`

// scripted is a server that accepts one WebSocket handshake on each connection, and then does what play does. The
// connection is closed behind it.
func scripted(t testing.TB, play func(conn net.Conn, in *bufio.Reader)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			playOn(conn, play)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String()
}

func playOn(conn net.Conn, play func(conn net.Conn, in *bufio.Reader)) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	if _, err := conn.Write(append(wsframe.AppendAccept(nil, r.Header.Get("Sec-WebSocket-Key")),
		"\r\n"...)); err != nil {
		return
	}
	play(conn, in)
}

func text(s string) []byte { return wsframe.Append(nil, ws.OpText, []byte(s)) }

// untilClosed reads until the client has gone.
func untilClosed(in io.Reader) { _, _ = io.Copy(io.Discard, in) }

func TestAServerThatDoesNotOpen(t *testing.T) {
	for name, frames := range map[string][]byte{
		"no JSON":             text("0{"),
		"no data":             text("0"),
		"no id":               text(`0{"pingInterval":1,"pingTimeout":1}`),
		"an id of a number":   text(`0{"sid":1,"pingInterval":1,"pingTimeout":1}`),
		"no interval":         text(`0{"sid":"s","pingTimeout":1}`),
		"a negative interval": text(`0{"sid":"s","pingInterval":-5,"pingTimeout":1}`),
		"a message first":     text("4hi"),
		"a binary one":        wsframe.Append(nil, ws.OpBinary, []byte("hi")),
		"an unknown packet":   text("9"),
		"an empty packet":     text(""),
		"not base64":          text("b!"),
		"a masked frame":      wsframe.AppendMasked(nil, ws.OpText, newMask(), []byte(openPacket)),
		"a reserved opcode":   {0x83, 0},
		"a frame too large":   {0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0},
		"a length too large":  {0x82, 127, 255, 0, 1, 0, 0, 0, 0, 0},
		"not UTF-8":           text("4\xff"),
		"a close frame":       wsframe.AppendClose(nil, 1000),
		"a bad close frame":   wsframe.Append(nil, ws.OpClose, []byte{1}),
		"deflate unasked for": {0xc1, 1, '4'},
		"the end":             nil,
	} {
		t.Run(name, func(t *testing.T) {
			for _, d := range []*Dialer{nil, new(Dialer)} {
				url := scripted(t, func(conn net.Conn, in *bufio.Reader) {
					_, _ = conn.Write(frames)
					if frames != nil {
						untilClosed(in)
					}
				})
				_, err := dialBy(t, d, url, Options{Transports: []string{WebSocket}})
				if err == nil {
					t.Fatal("the session has opened")
				}
				if frames != nil && !strings.Contains(name, "close frame") && !errors.Is(err, ErrProtocol) {
					t.Errorf("the error is %v", err)
				}
			}
		})
	}
}

func TestAServerThatBreaksOff(t *testing.T) {
	for name, tc := range map[string]struct {
		frames []byte
		want   Reason
	}{
		"an unknown packet":  {text("9"), ReasonTransportError},
		"an empty packet":    {text(""), ReasonTransportError},
		"not base64":         {text("b*"), ReasonTransportError},
		"a masked frame":     {wsframe.AppendMasked(nil, ws.OpText, newMask(), []byte("4hi")), ReasonTransportError},
		"a reserved opcode":  {[]byte{0x8f, 0}, ReasonTransportError},
		"a message too long": {wsframe.Append(nil, ws.OpBinary, make([]byte, 1<<16+1)), ReasonTransportError},
		"a promise too long": {[]byte{0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0}, ReasonTransportError},
		"not UTF-8":          {text("4\xff"), ReasonTransportError},
		"a bad close frame":  {wsframe.AppendClose(nil, 1005), ReasonTransportError},
		"a long ping":        {wsframe.Append(nil, ws.OpPing, make([]byte, 126)), ReasonTransportError},
		"a lost start":       {[]byte{0x80, 0}, ReasonTransportError},
		"a close frame":      {wsframe.AppendClose(nil, 1001), ReasonTransportClose},
		"half a frame":       {[]byte{0x81, 5, '4'}, ReasonTransportClose},
		"the end":            {nil, ReasonTransportClose},
	} {
		t.Run(name, func(t *testing.T) {
			for _, d := range []*Dialer{nil, new(Dialer)} {
				url := scripted(t, func(conn net.Conn, in *bufio.Reader) {
					_, _ = conn.Write(append(text(openPacket), tc.frames...))
					if name != "half a frame" && tc.frames != nil {
						untilClosed(in)
					}
				})
				p, err := dialBy(t, d, url, Options{Transports: []string{WebSocket}, MaxMessageBytes: 1 << 16})
				if err == nil {
					p.wantEnd(tc.want)
				} else if !errors.Is(err, ErrProtocol) { // it came with the open packet, and was faster
					t.Error(err)
				}
			}
		})
	}
}

// TestWhatIsOddButAllowed does not end a session.
func TestWhatIsOddButAllowed(t *testing.T) {
	frames := text(openPacket)
	for _, packet := range []string{openPacket, "0", "6", "3", "1", "5", "2probe", "2", "4still here"} {
		frames = append(frames, text(packet)...)
	}
	frames = append(frames, wsframe.Append(nil, ws.OpPing, []byte("x"))...)
	frames = append(frames, wsframe.Append(nil, ws.OpPong, []byte("unasked"))...)
	url := scripted(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = conn.Write(frames)
		untilClosed(in)
	})
	p := mustDial(t, url, Options{Transports: []string{WebSocket}})
	p.want("still here")
	if p.ID() != "s" {
		t.Errorf("the id is %q", p.ID())
	}
}

func TestAHandshakeThatFails(t *testing.T) {
	const switching = "HTTP/1.1 101 Switching Protocols\r\n"
	for name, answer := range map[string]string{
		"a page":           "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
		"a redirect":       "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
		"a wrong key":      switching + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
		"no HTTP":          "SSH-2.0-x\r\n\r\n",
		"half a line":      "HTTP/1.1 1",
		"nothing":          "",
		"a long status":    "HTTP/1.1 500 " + strings.Repeat("x", 1<<16) + "\r\n\r\n",
		"an endless field": switching + "X: " + strings.Repeat("x", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = http.ReadRequest(bufio.NewReader(conn))
					_, _ = io.WriteString(conn, answer)
					_ = conn.Close()
				}
			}()
			for _, transport := range []string{WebSocket, Polling} {
				if name == "a redirect" && transport == Polling { // it is followed, here without an end
					continue
				}
				if _, err := tryDial(t, "http://"+l.Addr().String(),
					Options{Transports: []string{transport}}); err == nil {
					t.Errorf("%s: the session has opened", transport)
				}
			}
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	mute := scripted(t, func(_ net.Conn, in *bufio.Reader) { untilClosed(in) }) // says nothing behind the handshake
	for name, tc := range map[string]struct{ url, transport string }{
		"polling":    {"http://" + silent.Addr().String(), Polling},
		"websocket":  {"http://" + silent.Addr().String(), WebSocket},
		"no opening": {mute, WebSocket},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		_, err := Dial(ctx, tc.url, Options{Transports: []string{tc.transport}}, func(*Session) Handler { return nil })
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPollsThatFail(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":            "",
		"a separator":        "\x1e",
		"an unknown packet":  "9",
		"a message first":    "4hi",
		"a close first":      "1",
		"a ping first":       "2",
		"an end in a packet": openPacket + "\x1e9",
		"too much":           "4" + strings.Repeat("x", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, body)
			}))
			defer server.Close()
			p, err := tryDial(t, server.URL, Options{Transports: []string{Polling}, MaxMessageBytes: 1 << 16})
			if err == nil {
				p.wantEnd(ReasonTransportError)
			}
		})
	}
}

// TestARequestThatFailsEndsASession: a poll or a POST behind a good handshake.
func TestARequestThatFailsEndsASession(t *testing.T) {
	for name, tc := range map[string]struct {
		get, post func(http.ResponseWriter)
		want      Reason
	}{
		"a poll refused":    {func(w http.ResponseWriter) { w.WriteHeader(500) }, nil, ReasonTransportError},
		"a poll of nothing": {func(http.ResponseWriter) {}, nil, ReasonTransportError},
		"garbage":           {func(w http.ResponseWriter) { fmt.Fprint(w, "4a\x1exyz") }, nil, ReasonTransportError},
		"a poll cut":        {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, nil, ReasonTransportError},
		"a post refused":    {nil, func(w http.ResponseWriter) { w.WriteHeader(400) }, ReasonTransportError},
		"a post cut":        {nil, func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, ReasonTransportError},
		"a close packet": {func(w http.ResponseWriter) {
			fmt.Fprint(w, "4a\x1e1\x1e4b")
		}, nil, ReasonTransportClose},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Query().Get("sid") == "":
					_, _ = io.WriteString(w, openPacket)
				case r.Method == http.MethodPost && tc.post != nil:
					tc.post(w)
				case r.Method == http.MethodPost:
					_, _ = io.WriteString(w, "ok")
				case tc.get != nil:
					tc.get(w)
				default:
					<-r.Context().Done()
				}
			}))
			defer server.Close()
			p := mustDial(t, server.URL, Options{Transports: []string{Polling}})
			if tc.post != nil {
				p.text("x")
			}
			p.wantEnd(tc.want)
		})
	}
}

// TestAnUpgradeThatFails leaves a session that goes on polling.
func TestAnUpgradeThatFails(t *testing.T) {
	for name, play := range map[string]func(conn net.Conn, in *bufio.Reader){
		"closed at once": func(net.Conn, *bufio.Reader) {},
		"a wrong answer": func(c net.Conn, in *bufio.Reader) { c.Write(text("3nope")); untilClosed(in) },
		"a message":      func(c net.Conn, in *bufio.Reader) { c.Write(text("4hi")); untilClosed(in) },
		"garbage":        func(c net.Conn, in *bufio.Reader) { c.Write([]byte("\xff\xff\xff")); untilClosed(in) },
		"a close frame": func(c net.Conn, in *bufio.Reader) {
			c.Write(wsframe.AppendClose(nil, 1011))
			untilClosed(in)
		},
		"silence": func(_ net.Conn, in *bufio.Reader) { untilClosed(in) },
		"an answer, the end": func(c net.Conn, _ *bufio.Reader) {
			c.Write(text("3probe"))
			time.Sleep(20 * time.Millisecond)
		},
		"an answer, silence": func(c net.Conn, in *bufio.Reader) { c.Write(text("3probe")); untilClosed(in) },
		"an answer, more": func(c net.Conn, in *bufio.Reader) {
			c.Write(text("3probe"))
			c.Write(text("4too early"))
			untilClosed(in)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := engineio.NewServer(engineio.Options{}, func(s *engineio.Session) engineio.Handler {
				return &bouncer{s: s}
			})
			polls := make(chan struct{}, 100) // with nothing to answer, so that the session cannot leave polling
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Upgrade") == "" {
					if r.Method == http.MethodGet && r.URL.Query().Has("sid") {
						polls <- struct{}{}
					}
					srv.ServeHTTP(w, r)
					return
				}
				<-polls
				conn, in, err := http.NewResponseController(w).Hijack()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = conn.Write(append(wsframe.AppendAccept(nil, r.Header.Get("Sec-WebSocket-Key")), "\r\n"...))
				play(conn, in.Reader)
			}))
			defer func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				_ = srv.Shutdown(ctx)
				server.Close()
			}()
			p := mustDial(t, server.URL, Options{ProbeTimeout: 300 * time.Millisecond})
			if err := receive(t, "the upgrade's end", p.upgraded); err == nil {
				t.Error("the session has been upgraded")
			}
			p.text("after")
			p.want("after")
			if p.Transport() != Polling {
				t.Errorf("the transport is %q", p.Transport())
			}
			p.stop()
		})
	}
}
