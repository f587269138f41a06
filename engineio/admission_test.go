package engineio

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/admission"
)

// eachListener runs a test with requests that are answered by the fast listener, where there is one, and by net/http.
func eachListener(t *testing.T, test func(t *testing.T, listener net.Listener)) {
	t.Run("fast", func(t *testing.T) { test(t, listen(t, "tcp", "127.0.0.1:0")) })
	t.Run("net/http", func(t *testing.T) { test(t, opaqueListener{listen(t, "tcp", "127.0.0.1:0")}) })
}

// refusedHandshakes notes what OnConnectionError is told.
type refusedHandshakes struct {
	mu   sync.Mutex
	told []string
}

func (e *refusedHandshakes) note(told ConnectionError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := told.Request
	e.told = append(e.told, fmt.Sprintf("%s %s %d %s", r.RemoteAddr, r.Header.Get("X-Name"), told.Code, told.Message))
}

func (e *refusedHandshakes) want(t *testing.T, want ...string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if got := strings.Join(e.told, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("OnConnectionError was told:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

// A handshake that a limit refuses is told why, whichever way and for whichever transport, and so is the program. Who
// leaves makes room, and a session's own requests are not handshakes.
func TestHandshakesPastALimit(t *testing.T) {
	const from, other = "198.51.100.1", "198.51.100.2"
	for name, test := range map[string]struct {
		opts   Options
		let    []string // addresses whose handshakes are let in before
		status int
		code   ErrorCode
		reason string
		count  func(*Refused) int64
		others int // status of another address' handshake
	}{
		"sessions": {
			Options{MaxSessions: 2}, []string{from, other}, 503, Forbidden, RefusedFull,
			func(r *Refused) int64 { return r.Sessions }, 503,
		},
		"sessions of an address": {
			Options{MaxSessionsPerAddress: 2}, []string{from, from}, 429, Forbidden, RefusedAddress,
			func(r *Refused) int64 { return r.SessionsOfAddress }, 200,
		},
		"handshakes of an address": {
			Options{HandshakeRate: 0.001, HandshakeBurst: 2}, []string{from, from}, 429, Forbidden, RefusedRate,
			func(r *Refused) int64 { return r.HandshakesOfAddress }, 200,
		},
		"size": {
			Options{MaxHandshakeBytes: 100}, nil, 431, BadRequest, RefusedSize,
			func(r *Refused) int64 { return r.HandshakesThatAreLong }, 431,
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachListener(t, func(t *testing.T, listener net.Listener) {
				told := new(refusedHandshakes)
				opts := test.opts
				opts.TrustedProxies, opts.OnConnectionError = trusting("127.0.0.0/8").TrustedProxies, told.note
				h := start(t, setup{opts: opts, listener: listener, message: echo})
				header := func(from string) []string { return []string{"X-Forwarded-For", from, "X-Name", "anna"} }
				var sids []string
				for _, from := range test.let {
					a, err := h.request("GET", "transport=polling", "", header(from)...)
					if err != nil || a.status != 200 {
						t.Fatalf("%+v, %v", a, err)
					}
					sids = append(sids, parseGreeting(t, a.body).SID)
				}
				body := fmt.Sprintf(`{"code":%d,"message":"%s"}`, test.code, test.reason)
				began := time.Now()
				h.want("GET", "transport=polling", "", test.status, body, header(from)...)
				if took := time.Since(began); test.code == Forbidden && took < refusalDelay {
					t.Errorf("who finds no room, or comes too often, is answered after %v", took)
				}
				upgrade := append(header(from), "Connection", "Upgrade", "Upgrade", "websocket",
					"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
				h.want("GET", "transport=websocket", "", test.status, body, upgrade...)
				line := fmt.Sprintf("%s:0 anna %d %s", from, test.code, test.reason)
				told.want(t, line, line)
				a, err := h.request("GET", "transport=polling", "", header(other)...)
				if err != nil || a.status != test.others {
					t.Errorf("another address: %+v, %v", a, err)
				}
				st := h.Stats()
				if n := test.count(&st.Refused); n < 2 {
					t.Errorf("%d counted of 2: %+v", n, st.Refused)
				}
				for _, sid := range sids {
					h.want("POST", "transport=polling&sid="+sid, "4x", 200, "ok", header(from)...)
				}
				if name == "size" || name == "handshakes of an address" {
					return
				}
				h.want("POST", "transport=polling&sid="+sids[0], "1", 200, "ok", header(from)...)
				eventually(t, "room for one more", func() bool {
					a, err := h.request("GET", "transport=polling", "", header(from)...)
					return err == nil && a.status == 200
				})
			})
		})
	}
}

// The connection of a refused handshake is good for the next request, also for one sent right behind it.
func TestRequestsBehindARefusedHandshake(t *testing.T) {
	eachListener(t, func(t *testing.T, listener net.Listener) {
		h := start(t, setup{opts: Options{MaxSessions: 1}, listener: listener})
		c := h.openPoll()
		conn, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		const head = "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n"
		if _, err := io.WriteString(conn, head+c.postHead(2)+"4x"+head); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		for _, want := range []int{503, 200, 503} {
			response, err := http.ReadResponse(r, nil)
			if err != nil || response.StatusCode != want {
				t.Fatalf("%+v, %v, want %d", response, err, want)
			}
			_, _ = io.Copy(io.Discard, response.Body)
		}
	})
}

// A WebSocket that is accepted and comes to nothing, and all sessions in the end, leave the door as they found it.
func TestWhoHasLeftIsNotCounted(t *testing.T) {
	eachListener(t, func(t *testing.T, listener net.Listener) {
		h := start(t, setup{listener: listener})
		h.openWS().conn.Close()
		c := h.openPoll()
		c.post("1")
		r := newRequest(t)
		h.ServeHTTP(noHijack{}, r) // the connection cannot be taken over
		eventually(t, "all to have left", func() bool { return h.door.Guests() == 0 })
	})
}

func newRequest(t *testing.T) *http.Request {
	r, err := http.NewRequest("GET", "/engine.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		r.Header.Set(name, value)
	}
	return r
}

type noHijack struct{}

func (noHijack) Header() http.Header         { return http.Header{} }
func (noHijack) WriteHeader(int)             {}
func (noHijack) Write(b []byte) (int, error) { return len(b), nil }

// A client of a framing is let in by the same door.
func TestStreamsPastALimit(t *testing.T) {
	told := new(refusedHandshakes)
	h := start(t, setup{opts: Options{
		MaxSessions: 1, Transports: []string{"polling", "lines"}, OnConnectionError: told.note,
	}})
	h.openPoll()
	server, client := net.Pipe()
	defer client.Close()
	go func() { _, _ = io.WriteString(client, "0") }()
	r := newRequest(t)
	r.RemoteAddr = "198.51.100.1:99"
	err := h.ServeStream(server, wholeReads{}, r)
	if err == nil || !strings.Contains(err.Error(), RefusedFull) {
		t.Errorf("got %v", err)
	}
	told.want(t, "198.51.100.1:99  4 "+RefusedFull)
}

// Who resets its connection behind a request is known by its address all the same: a request that is net/http's was
// counted for nobody, and so had no limit.
func TestWhoResetsItsConnectionIsCounted(t *testing.T) {
	eachListener(t, func(t *testing.T, listener net.Listener) {
		const most = 3
		h := start(t, setup{opts: Options{MaxSessionsPerAddress: most}, listener: listener})
		const request = "GET /engine.io/?EIO=4&transport=polling HTTP/1.0\r\nHost: h\r\n\r\n" // 1.0: it is not plain
		reached := func() int64 { return int64(h.count()) + h.Stats().Refused.SessionsOfAddress }
		for range 10 * most {
			conn, err := net.Dial("tcp", h.addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			if _, err := io.WriteString(conn, request); err != nil {
				t.Error(err)
			}
			_ = conn.Close()
		}
		eventually(t, "some reach the server", func() bool { return reached() > 2*most })
		time.Sleep(50 * time.Millisecond)
		if n := h.count(); n > most {
			t.Errorf("%d sessions of one address", n)
		}
	})
}

// A client that has made a handshake and does not come back is given up sooner than one that falls silent later.
func TestWhoDoesNotComeBack(t *testing.T) {
	opts := Options{PingInterval: 30 * time.Second, PingTimeout: 10 * time.Second}
	srv := NewServer(opts, func(s *Session) Handler { return &peer{Session: s} })
	q, o := query{revision: "4"}, opening{at: time.Now().UnixNano(), origin: new(origin)}
	silent := srv.openPolling(NewID(), q, o, admission.Guest{}, srv.nextFlusher())
	came := srv.openPolling(NewID(), q, o, admission.Guest{}, srv.nextFlusher())
	for _, s := range []*Session{silent, came} {
		if verdict := s.beginPoll(&poll{waiter: taker{}}); verdict != pollTaken {
			t.Fatal(verdict)
		}
		s.polling.answered(s.polling.answering, false)
	}
	if verdict := came.beginPoll(&poll{waiter: taker{}}); verdict != pollTaken {
		t.Fatal(verdict)
	}
	for _, s := range []*Session{silent, came} {
		s.pass(0) // as the timeout does after returnTimeout
	}
	if silent.phase != phaseClosed || silent.reason != ReasonPingTimeout {
		t.Errorf("the silent one is in phase %d for %q", silent.phase, silent.reason)
	}
	if came.phase != phaseOpen || came.awaitsBeat {
		t.Errorf("the other is in phase %d, awaits a pong: %v", came.phase, came.awaitsBeat)
	}
	came.pass(0)
	if !came.awaitsBeat {
		t.Error("its first ping does not come")
	}
	came.lockAndEnd(endCut, ReasonForcedClose)
	eventually(t, "the end", func() bool { return srv.count() == 0 })
}

// taker is a waiter that does nothing with its answer.
type taker struct{}

func (taker) answer(*poll) {}
func (taker) abort(*poll)  {}

// wholeReads takes what comes at once for a packet.
type wholeReads struct{}

func (wholeReads) Name() string                                 { return "lines" }
func (wholeReads) AppendPacket(b, packet []byte, _ bool) []byte { return append(b, packet...) }
func (wholeReads) NewDecoder(int) Decoder                       { return wholeReads{} }
func (wholeReads) Decode(b []byte, packet func([]byte, bool) error) error {
	return packet(bytes.Clone(b), false)
}
