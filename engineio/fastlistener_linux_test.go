package engineio

// The fast listener: requests that come in pieces, late or never, and connections kept between requests.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe/wstest"
)

// dialRaw opens a connection on which a test writes requests byte by byte.
func dialRaw(t *testing.T, h *host) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// A handshake that comes in pieces, or later than firstRequestTimeout, is answered like any other.
func TestListenerHandshakeInPieces(t *testing.T) {
	h := start(t, setup{message: echo})
	request := strings.TrimSuffix(handshakeRequest, "\x81\x80mask")
	for name, cuts := range map[string][]int{
		"at once": {0},
		"in two":  {0, 100},
		"slowly":  {0, 1, 20, 150, len(request) - 2},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dialRaw(t, h)
			for i, from := range cuts {
				to := len(request)
				if i+1 < len(cuts) {
					to = cuts[i+1]
				}
				if _, err := io.WriteString(conn, request[from:to]); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Millisecond)
			}
			wantAccepted(t, conn)
		})
	}
	t.Run("after firstRequestTimeout", func(t *testing.T) {
		t.Parallel()
		conn := dialRaw(t, h)
		time.Sleep(firstRequestTimeout + 500*time.Millisecond)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		wantAccepted(t, conn)
	})
}

func wantAccepted(t *testing.T, conn net.Conn) {
	t.Helper()
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 101" {
		t.Errorf("%q, %v", answer, err)
	}
}

// What a client sends right behind its handshake is not lost, whichever way the handshake is read.
func TestListenerEarlyMessages(t *testing.T) {
	for name, query := range map[string]string{"plain": "", "by net/http": "&sid="} {
		t.Run(name, func(t *testing.T) {
			h := start(t, setup{message: echo})
			conn := dialRaw(t, h)
			request := strings.TrimSuffix(handshakeRequest, "\x81\x80mask")
			if query != "" { // longer than net/http's buffer, so that it has not read the frames behind it
				request = strings.Replace(request, "a=b", strings.Repeat("a", 8<<10), 1)
			}
			for range 3 {
				request += wstest.Frame(0x81, "4early")
			}
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			var got []byte
			b := make([]byte, 4096)
			for strings.Count(string(got), "4early") < 3 {
				n, err := conn.Read(b)
				if err != nil {
					t.Fatalf("%q, %v", got, err)
				}
				got = append(got, b[:n]...)
			}
		})
	}
}

// A connection that sends nothing gets net/http's limits after firstRequestTimeout, and is closed with the listener.
func TestListenerFirstRequestTimeout(t *testing.T) {
	h := start(t, setup{prepare: func(s *http.Server) { s.ReadHeaderTimeout = 50 * time.Millisecond }})
	conn := dialRaw(t, h)
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("past net/http's limit: %v, want EOF", err)
	}

	var server *http.Server
	h = start(t, setup{prepare: func(s *http.Server) { server = s }})
	conn = dialRaw(t, h)
	other := dialRaw(t, h)
	if _, err := io.WriteString(other, handshakeRequest[:len(handshakeRequest)-6]); err != nil {
		t.Fatal(err)
	}
	wantAccepted(t, other) // so the listener has accepted the first connection too
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("when the server is shut down: %v, want EOF", err)
	}
}

// A connection is kept for its next request for keepAliveTimeout, and then closed.
func TestListenerKeepAliveTimeout(t *testing.T) {
	listeners := make(chan *fastListener, 1)
	h := start(t, setup{serve: func(s *http.Server, l net.Listener) error {
		listeners <- l.(*fastListener)
		return s.Serve(l)
	}})
	c := h.openPoll()
	conn := rawPost(t, c, 2, "4a")
	answers := bufio.NewReader(conn)
	wantOK := func() {
		t.Helper()
		if response, err := http.ReadResponse(answers, nil); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", response, err)
		} else if _, err := io.ReadAll(response.Body); err != nil {
			t.Fatal(err)
		}
	}
	f := <-listeners
	sweepAfter := func(d time.Duration) { // looks at each connection as the listener would d after its last answer
		eventually(t, "the connections wait for requests", func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return !slices.ContainsFunc(f.conns, func(c *fastConn) bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.busy
			})
		})
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, c := range f.conns {
			c.mu.Lock()
			since := c.since
			c.mu.Unlock()
			c.check(since.Add(d))
		}
	}
	wantOK()
	sweepAfter(keepAliveTimeout)
	if _, err := io.WriteString(conn, c.postHead(2)+"4b"); err != nil {
		t.Fatal(err)
	}
	wantOK()
	sweepAfter(keepAliveTimeout + 1)
	if _, err := answers.ReadByte(); err != io.EOF {
		t.Errorf("past keepAliveTimeout: %v, want EOF", err)
	}
}

// A message belongs to the handler: what the loop reads next does not change it.
func TestListenerMessagesAreTheHandlers(t *testing.T) {
	var mu sync.Mutex
	var kept [][]byte
	h := start(t, setup{message: func(_ *peer, data []byte, _ bool) {
		mu.Lock()
		kept = append(kept, data)
		mu.Unlock()
	}})
	c := h.openPoll()
	const posts = 50
	for i := range posts {
		c.post(fmt.Sprintf("4%02d", i))
	}
	mu.Lock()
	defer mu.Unlock()
	for i, data := range kept {
		if string(data) != fmt.Sprintf("%02d", i) {
			t.Fatalf("message %d has become %q", i, data)
		}
	}
	if len(kept) != posts {
		t.Errorf("%d messages", len(kept))
	}
}

// A request that comes while the one before it waits for its answer waits too, however long it is. A client that has
// just read an answer may send its next request before the server is done with the last: one of more than 64 KiB once
// found its connection closed, now and then.
func TestListenerPipelinedRequests(t *testing.T) {
	h := start(t, setup{message: echo})
	c := h.openPoll()
	large := "4" + strings.Repeat("x", 300_000)
	conn := dialRaw(t, h)
	answers := bufio.NewReader(conn)
	poll := "GET /engine.io/?EIO=4&" + c.params + " HTTP/1.1\r\nHost: h\r\n\r\n"
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, poll+c.postHead(len(large))+large+poll+c.postHead(2)+"4b")
		sent <- err
	}()
	eventually(t, "the poll", func() bool {
		s := c.peer().Session
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.polling.poll != nil
	})
	time.Sleep(100 * time.Millisecond) // the rest comes meanwhile
	c.peer().Send(text("a"))
	for i, want := range []string{"4a", "ok", large, "ok"} {
		r, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != want {
			t.Fatalf("answer %d: %q, %v", i, clip(string(body)), err)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// rawPost begins a POST on a connection of its own, and sends that much of its body.
func rawPost(t *testing.T, c *pollClient, length int, sent string) net.Conn {
	t.Helper()
	conn := dialRaw(t, c.host)
	if _, err := io.WriteString(conn, c.postHead(length)+sent); err != nil {
		t.Fatal(err)
	}
	return conn
}

// POSTs whose bodies come in pieces, as browsers send them, are answered one after the other on one connection.
func TestListenerBodyInPieces(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	conn := dialRaw(t, h)
	answers := bufio.NewReader(conn)
	large := "4" + strings.Repeat("x", 40_000)
	for i, pieces := range [][]string{
		{c.postHead(2), "4a"},
		{c.postHead(3), "4", "b", "c"},
		{c.postHead(2) + "4", "d" + c.postHead(2), "4e"},
		{c.postHead(len(large)), large[:1], large[1:20_000], large[20_000:]},
	} {
		for _, piece := range pieces {
			if _, err := io.WriteString(conn, piece); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		for range strings.Count(strings.Join(pieces, ""), "POST") {
			response, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(response.Body); err != nil || string(body) != "ok" {
				t.Fatalf("request %d: %d %q, %v", i, response.StatusCode, body, err)
			}
		}
	}
	var got []string
	for _, m := range c.peer().messages() {
		got = append(got, m.data)
	}
	if want := []string{"a", "bc", "d", "e", large[1:]}; !slices.Equal(got, want) {
		t.Errorf("%d messages: %.200q", len(got), got)
	}
}

// A session knows of a POST as soon as its head has come. A second one beside it ends the session, as in Node.js, and
// so does a connection that breaks before the body is complete.
func TestListenerHalfAPost(t *testing.T) {
	wantStatus := func(t *testing.T, conn net.Conn, want int) {
		t.Helper()
		if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != want {
			t.Errorf("%v, %v", response, err)
		}
	}
	t.Run("and another", func(t *testing.T) {
		h := start(t, setup{})
		c := h.openPoll()
		rawPost(t, c, 5, "4a")
		c.wantPosting()
		c.want(http.MethodPost, c.params, "4b", http.StatusBadRequest, "")
		c.peer().wantClose(t, ReasonTransportError)
	})
	t.Run("and the end", func(t *testing.T) {
		h := start(t, setup{})
		c := h.openPoll()
		conn := rawPost(t, c, 5, "4a")
		c.wantPosting()
		_ = conn.Close()
		c.peer().wantClose(t, ReasonTransportError)
	})
	t.Run("and the session's end", func(t *testing.T) {
		h := start(t, setup{})
		c := h.openPoll()
		conn := rawPost(t, c, 5, "4a")
		c.wantPosting()
		c.peer().Close(ReasonShutdown)
		_ = c.poll()
		c.peer().wantClose(t, ReasonShutdown)
		if _, err := io.WriteString(conn, "bcd"); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, conn, http.StatusBadRequest)
	})
	t.Run("and a long time", func(t *testing.T) {
		t.Parallel()
		h := start(t, setup{})
		c := h.openPoll()
		conn := rawPost(t, c, 3, "4a")
		time.Sleep(2*firstRequestTimeout + 500*time.Millisecond)
		if _, err := io.WriteString(conn, "b"); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, conn, http.StatusOK)
		if got := c.peer().messages(); len(got) != 1 || got[0].data != "ab" {
			t.Errorf("%v", got)
		}
	})
}

// A client that sends its request a byte at a time gets no more time than net/http allows.
func TestListenerTrickle(t *testing.T) {
	h := start(t, setup{prepare: func(s *http.Server) { s.ReadHeaderTimeout = 50 * time.Millisecond }})
	conn := dialRaw(t, h)
	began := time.Now()
	for i := 0; ; i++ {
		if _, err := io.WriteString(conn, handshakeRequest[i%len(handshakeRequest):][:1]); err != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
		if i == 200 && time.Since(began) > 2*firstRequestTimeout {
			t.Fatal("the connection is still open")
		}
	}
}

// Every loop gets its share of connections, and a session is written by the flusher whose loop reads it. Once each
// connection took two turns, one for itself and one for its session, and half of the loops stayed empty.
func TestListenerSharesConnectionsOut(t *testing.T) {
	const cores, each = 4, 5
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	h := start(t, setup{})
	for range cores * each {
		h.openWS()
	}
	share := make(map[*flusher]int)
	for _, s := range h.Server.all() {
		share[s.flusher]++
	}
	if len(share) != cores {
		t.Errorf("%d loops of %d have connections", len(share), cores)
	}
	for _, n := range share {
		if n != each {
			t.Errorf("a loop has %d connections, want %d", n, each)
		}
	}
}

// A large request may stand behind one that waits for its answer: it stays unread until then. The connection was once
// closed over it, and so now and then over a large POST that its client sent as soon as it had the answer before, as
// the server was still busy with having sent that.
func TestListenerLargeRequestBehindAPoll(t *testing.T) {
	h := start(t, setup{})
	c := h.openPoll()
	conn := dialRaw(t, h)
	body := "4" + strings.Repeat("x", 500_000)
	get := "GET /engine.io/?EIO=4&" + c.params + " HTTP/1.1\r\nHost: h\r\n\r\n"
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, get+c.postHead(len(body))+body)
		sent <- err
	}()
	select { // the buffers on the way may take it all
	case err := <-sent:
		sent <- err
	case <-time.After(100 * time.Millisecond):
	}
	answers := bufio.NewReader(conn)
	wantAnswer := func(want string) {
		t.Helper()
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK || string(got) != want {
			t.Fatalf("%d %q, %v", response.StatusCode, got, err)
		}
	}
	c.peer().Send(text("now"))
	wantAnswer("4now")
	wantAnswer("ok")
	if err := <-sent; err != nil {
		t.Error(err)
	}
	eventually(t, "the message", func() bool { return len(c.peer().messages()) == 1 })
}
