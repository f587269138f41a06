package engineio

// The fast listener beside net/http: whatever comes on a connection, in whatever pieces, is answered alike, and the
// sessions hear the same.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp/plaintest"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
)

// FuzzListener sends requests, pipelined and cut at any place, to a server on its own listener and to one behind
// net/http, with one of the sets of options.
func FuzzListener(f *testing.F) {
	for _, seed := range [][]byte{nil, {0, 0}, {1, 1, 0}, {2, 0, 0, 4, 0}, {3, 2, 0, 0, 1}, {3, 0, 3, 4, 2}} {
		f.Add(seed, byte(1))
	}
	for _, seed := range plaintest.Mended {
		f.Add(append([]byte{0}, seed...), byte(1)) // one request
	}
	// A refused upgrade had CORS's headers, a limit came before the origin, a refused handshake set a cookie.
	f.Add([]byte("0120007B0"), byte(181))
	f.Add([]byte("01121000"), byte(243))
	f.Add([]byte("022100001"), byte(188))
	var pairs [optionSets]fuzzedPair
	for n := range pairs {
		_, opts := optionSet(n)
		pairs[n] = startPair(f, opts)
	}
	f.Fuzz(func(t *testing.T, choices []byte, options byte) {
		sent, cuts := conversation(choices)
		pairs[int(options)%optionSets].compare(t, sent, cuts)
	})
}

// stood is longer than any conversation takes on a machine that works, and less than what servers give their clients.
const stood = 2 * time.Second

// A fuzzed server, whose sessions echo.
type fuzzed struct {
	*Server
	dial func() (net.Conn, error)

	mu   sync.Mutex
	told []string // of refused requests, since tryConverse began
}

func startFuzzed(
	f testing.TB, opts Options, listen func(*Server) net.Listener, dial func() (net.Conn, error),
) *fuzzed {
	h := &fuzzed{dial: dial}
	opts.Logger, opts.OnConnectionError = quiet, h.tell
	opts.HandshakeRate = -1 // a fuzzer is faster
	h.listen(&opts)
	srv := NewServer(opts, func(s *Session) Handler {
		return &peer{Session: s, onMessage: echo}
	})
	h.Server = srv
	server := &http.Server{Handler: srv, ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelError)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listen(srv))
	}()
	f.Cleanup(func() { _ = server.Close(); <-served })
	return h
}

// dialer dials a TCP address, without what net.Dial does besides.
func dialer(addr net.Addr) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.DialTCP("tcp", nil, addr.(*net.TCPAddr)) }
}

// A pipeListener is for net/http, which reads what is written to a pipe in the same pieces, and costs less there than
// with TCP.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (l *pipeListener) dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	l.conns <- pipeEnd{theirs}
	return ours, nil
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return pipeEnd{}.RemoteAddr() }

// A pipeEnd has a peer with an address, and is closed as a whole.
type pipeEnd struct{ net.Conn }

func (c pipeEnd) CloseWrite() error { return c.Close() }

func (pipeEnd) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// lastRequest ends the connection, if the server has not.
const lastRequest = "GET /engine.io/?EIO=4&transport=none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

// converse sends requests, of which some are for a session of their own, and says what came of them; whole is false
// where a reset has destroyed the last answer, as it may where a server that has refused a request leaves the next
// unread.
func (h *fuzzed) converse(t *testing.T, requests string, cuts []int) (came string, whole bool) {
	t.Helper()
	for range 5 {
		if came, whole = h.tryConverse(t, requests, cuts); whole {
			break
		}
	}
	return came, whole
}

func (h *fuzzed) tryConverse(t *testing.T, requests string, cuts []int) (came string, whole bool) {
	t.Helper()
	defer h.endAll()
	h.allTold()
	o := opening{lines: "192.0.2.1:5\n/\nh\n", at: time.Now().UnixNano(), origin: new(origin)}
	s := h.openPolling(NewID(), query{revision: "4"}, o, admission.Guest{}, h.nextFlusher())
	s.mu.Lock()
	s.takeQueue(nil) // the greeting
	s.queued = 0
	s.mu.Unlock()

	conn, err := h.dial()
	if err != nil {
		t.Error(err)
		return "", true
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	text := strings.ReplaceAll(requests, plaintest.SID, s.id)
	go func() {
		for _, cut := range cuts {
			if cut > 0 && cut < len(text) {
				_, _ = io.WriteString(conn, text[:cut])
				text = text[cut:]
				time.Sleep(200 * time.Microsecond)
			}
		}
		_, _ = io.WriteString(conn, text+lastRequest) // the server may have ended the connection
	}()
	done := make(chan struct{})
	defer close(done)
	go h.keepPollsShort(s, done)
	came, whole = readAnswers(conn)
	return came + heard(s) + h.allTold(), whole
}

// keepPollsShort answers polls that would wait.
func (h *fuzzed) keepPollsShort(s *Session, done chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
			s.mu.Lock()
			if s.polling.poll != nil && s.phase == phaseOpen {
				s.polling.release()
			}
			s.mu.Unlock()
		}
	}
}

// endAll ends all sessions.
func (h *fuzzed) endAll() {
	for _, s := range h.all() {
		s.lockAndEnd(endCut, ReasonForcedClose)
	}
}

// heard are the messages that a session has heard, and why it ended.
func heard(s *Session) string {
	s.mu.Lock()
	handler := s.handler.(*peer)
	phase, reason := s.phase, s.reason
	s.mu.Unlock()
	return fmt.Sprintf("heard %+v, %d %q", handler.messages(), phase, reason)
}

var madeUp = regexp.MustCompile(`"sid":"[^"]*"|io=[\w-]{20}`)

// readAnswers reads all answers; whole is false where they end in a reset.
func readAnswers(conn net.Conn) (answers string, whole bool) {
	var all strings.Builder
	r := bufio.NewReader(conn)
	for {
		a, err := http.ReadResponse(r, nil)
		if err != nil {
			return all.String(), !errors.Is(err, syscall.ECONNRESET)
		}
		if a.StatusCode == http.StatusSwitchingProtocols {
			return all.String() + fmt.Sprintln(a.Status, headerOf(a)), true
		}
		body, err := io.ReadAll(a.Body)
		if errors.Is(err, syscall.ECONNRESET) {
			return all.String(), false
		}
		fmt.Fprintf(&all, "%s %v %t %s %v\n", a.Status, headerOf(a), a.Close, madeUp.ReplaceAll(body, nil), err)
	}
}

// headerOf is an answer's header, but for what differs each time.
func headerOf(a *http.Response) string {
	a.Header.Del("Date")
	return madeUp.ReplaceAllString(fmt.Sprint(a.Header), "")
}
