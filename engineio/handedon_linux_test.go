package engineio

// What goes to net/http is counted by reason, and what proxies in front send does not.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestHandedOn(t *testing.T) {
	const head = " HTTP/1.1\r\nHost: h\r\n"
	poll := "GET /engine.io/?EIO=4&transport=polling" + head
	post := "POST /engine.io/?EIO=4&transport=polling&sid=$SID" + head + "Content-Length: 9\r\n\r\n4"
	for name, test := range map[string]struct {
		send string
		want HandedOn
	}{
		"TLS":                    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", HandedOn{TLS: 1}},
		"nothing":                {"", HandedOn{Silent: 1}},
		"half a request":         {poll, HandedOn{Silent: 1}},
		"half a body":            {post, HandedOn{Silent: 1}},
		"a page":                 {"GET /" + head + "\r\n", HandedOn{Path: 1}},
		"a page's preflight":     {"OPTIONS /x" + head + "\r\n", HandedOn{Path: 1}},
		"DELETE":                 {"DELETE /engine.io/" + head + "\r\n", HandedOn{Method: 1}},
		"preflight without CORS": {"OPTIONS /engine.io/" + head + "\r\n", HandedOn{Method: 1}},
		"a forwarded request":    {poll + "x-shown: 1\r\n\r\n", HandedOn{Excepted: 1}},
		"HTTP/1.0":               {"GET /engine.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n", HandedOn{Form: 1}},
		"chunks":                 {"POST /engine.io/" + head + "Transfer-Encoding: chunked\r\n\r\n", HandedOn{Form: 1}},
		"garbage":                {"\x00\x01", HandedOn{Form: 1}},
		"no transport":           {"GET /engine.io/?EIO=4" + head + "\r\n", HandedOn{Fault: 1}},
		"no such session":        {"GET /engine.io/?EIO=4&transport=polling&sid=x" + head + "\r\n", HandedOn{Fault: 1}},
		"POST to nobody":         {strings.Replace(post, "$SID", "x", 1), HandedOn{Fault: 1}},
		"a good request":         {poll + "\r\n", HandedOn{}},
		"a page behind it":       {poll + "\r\nGET /" + head + "\r\n", HandedOn{Path: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, setup{except: []string{"X-Shown"}})
			send := test.send
			if before, after, has := strings.Cut(send, "$SID"); has {
				send = before + h.openPoll().sid + after
			}
			conn := dialRaw(t, h)
			if _, err := io.WriteString(conn, send); err != nil {
				t.Fatal(err)
			}
			if test.want == (HandedOn{}) {
				if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, fmt.Sprintf("%+v", test.want), func() bool { return h.Stats().HandedOn == test.want })
		})
	}
	t.Run("a listener of net/http's", func(t *testing.T) {
		h := start(t, setup{opts: Options{netHTTPOnly: true}})
		dialRaw(t, h)
		eventually(t, "the count", func() bool { return h.Stats().HandedOn == HandedOn{Listener: 1} })
	})
}

// What nginx sends, as socket.io's guide and nginx's own set it up: an upgrade to nothing, and the connection's end
// behind each request. Both once went to net/http.
func TestBehindNginx(t *testing.T) {
	opts := Options{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		CORS:           &CORS{Origins: []string{"https://a.example"}, Credentials: true},
		Cookie:         &http.Cookie{},
	}
	bothWays(t, opts, 0, func(t *testing.T, h *host) {
		for _, connection := range []string{"upgrade", "close"} {
			fields := " HTTP/1.1\r\nHost: socket_nodes\r\nConnection: " + connection + "\r\n" +
				"X-Forwarded-For: 198.51.100.7\r\nOrigin: https://a.example\r\nCookie: name=Zo\xc3\xab\r\n"
			ask := func(conn net.Conn, r *bufio.Reader, request string) string {
				t.Helper()
				if _, err := io.WriteString(conn, request); err != nil {
					t.Fatal(err)
				}
				a, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(a.Body)
				if err != nil || a.StatusCode != 200 || a.Close != (connection == "close") ||
					a.Header.Get("Access-Control-Allow-Origin") != "https://a.example" {
					t.Fatalf("%d %v %v %q %v", a.StatusCode, a.Header, a.Close, body, err)
				}
				if a.Close {
					if _, err := r.ReadByte(); err != io.EOF {
						t.Errorf("behind the last answer: %v", err)
					}
				}
				return string(body)
			}
			conn := dialRaw(t, h)
			r := bufio.NewReader(conn)
			again := func() {
				if connection == "close" {
					conn = dialRaw(t, h)
					r = bufio.NewReader(conn)
				}
			}
			sid := parseGreeting(t, ask(conn, r, "GET /engine.io/?EIO=4&transport=polling"+fields+"\r\n")).SID
			if got := h.session(sid).Handshake().RemoteAddr; got != "198.51.100.7:0" {
				t.Errorf("the client is %s", got)
			}
			path := "/engine.io/?EIO=4&transport=polling&sid=" + sid + fields
			again()
			// Behind a last request nothing is served.
			behind := "POST " + path + "Content-Length: 2\r\n\r\n4b"
			if connection == "upgrade" {
				behind = ""
			}
			ask(conn, r, "POST "+path+"Content-Length: 2\r\n\r\n4a"+behind)
			if behind != "" {
				_, _ = io.WriteString(conn, behind)
			}
			again()
			if got := ask(conn, r, "GET "+path+"\r\n"); got != "4a" {
				t.Errorf("polled %q", got)
			}
			if got := h.peer(sid).messages(); len(got) != 1 {
				t.Errorf("heard %v", got)
			}
		}
	})
}

// A connection whose last answer has gone out is ended soon, also where its client keeps it.
func TestListenerEndsWithTheLastAnswer(t *testing.T) {
	h := start(t, setup{})
	conn := dialRaw(t, h)
	if _, err := io.WriteString(conn, "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n"+
		"Connection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); err != nil || !strings.Contains(string(b), "\r\nConnection: close\r\n") {
		t.Fatalf("%q %v", b, err)
	}
	eventually(t, "the end", func() bool { return h.Stats().Connections == 0 })
}

// The context of a request that the program is asked about ends with its connection.
func TestHooksHearOfTheEnd(t *testing.T) {
	var asked, ended atomic.Int64
	opts := Options{AllowRequest: func(r *http.Request) error {
		asked.Add(1)
		<-r.Context().Done()
		ended.Add(1)
		return r.Context().Err()
	}}
	bothWays(t, opts, 0, func(t *testing.T, h *host) {
		asked.Store(0)
		ended.Store(0)
		conn := dialRaw(t, h)
		request := "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n"
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the question", func() bool { return asked.Load() == 1 })
		_ = conn.Close()
		eventually(t, "its end", func() bool { return ended.Load() == 1 })
		eventually(t, "the guest's end", func() bool { return h.door.Guests() == 0 })
	})
}

// What comes at the moment when the program has answered does not keep its answer from going out.
func TestListenerBytesBesideTheAnswer(t *testing.T) {
	release := make(chan struct{})
	h := start(t, setup{opts: Options{AllowRequest: func(*http.Request) error { <-release; return nil }}})
	request := "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n"
	for i := range 300 {
		conn := dialRaw(t, h)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i%5) * 20 * time.Microsecond)
		go func() { release <- struct{}{} }()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		go func() { release <- struct{}{} }()
		r := bufio.NewReader(conn)
		for range 2 {
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			a, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
			_, _ = io.Copy(io.Discard, a.Body)
		}
		_ = conn.Close()
	}
}

// Half a POST of a page of another origin is nothing to the session that it names.
func TestStrangersHalfAPost(t *testing.T) {
	for name, cors := range map[string]*CORS{
		"by name":     {Origins: []string{"https://a.example"}},
		"by function": {AllowOrigin: func(string) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, setup{opts: Options{CORS: cors}})
			c := h.openPoll()
			conn := dialRaw(t, h)
			head := strings.Replace(c.postHead(2), "\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n", 1)
			if _, err := io.WriteString(conn, head+"4"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond) // or the server has not read it
			c.post("4own")
			if _, err := io.WriteString(conn, "x"); err != nil {
				t.Fatal(err)
			}
			if a, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || a.StatusCode != 403 {
				t.Errorf("%v %v", a, err)
			}
			if got := c.peer().messages(); len(got) != 1 || got[0].data != "own" {
				t.Errorf("heard %v", got)
			}
		})
	}
}
