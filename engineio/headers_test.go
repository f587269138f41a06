package engineio

// What answers carry, and what the program has its say in, whichever way a request comes.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bothWays runs a test on the fast listener and on net/http. On the first no request may get as far as net/http, unless
// the test says how many.
func bothWays(t *testing.T, opts Options, toNetHTTP int64, test func(t *testing.T, h *host)) {
	for name, netHTTP := range map[string]bool{"fast": false, "net/http": true} {
		t.Run(name, func(t *testing.T) {
			var got atomic.Int64
			opts := opts
			opts.netHTTPOnly = netHTTP
			h := start(t, setup{opts: opts, message: echo, prepare: func(s *http.Server) {
				next := s.Handler
				s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					got.Add(1)
					next.ServeHTTP(w, r)
				})
			}})
			test(t, h)
			if n := got.Load(); runtime.GOOS == "linux" && !netHTTP && n != toNetHTTP {
				t.Errorf("net/http has had %d requests, want %d", n, toNetHTTP)
			}
		})
	}
}

// everyAnswer makes each kind of request that is answered, and returns the headers of the answers.
func (h *host) everyAnswer(header ...string) map[string]http.Header {
	h.t.Helper()
	answers := make(map[string]http.Header)
	note := func(name string, a answer, err error) {
		if err != nil || a.status != http.StatusOK {
			h.t.Fatalf("%s: %v, %v", name, a, err)
		}
		answers[name] = a.header
	}
	a, err := h.request("GET", "transport=polling", "", header...)
	note("handshake", a, err)
	sid := parseGreeting(h.t, a.body).SID
	a, err = h.request("POST", "transport=polling&sid="+sid, "4hello", header...)
	note("POST", a, err)
	a, err = h.request("GET", "transport=polling&sid="+sid, "", header...)
	note("poll", a, err)
	for name, params := range map[string]string{
		"WebSocket": "transport=websocket", "upgrade": "transport=websocket&sid=" + sid,
	} {
		c := h.rawUpgrade("GET", params, header...)
		if c.answer.StatusCode != http.StatusSwitchingProtocols {
			h.t.Fatalf("%s: %d", name, c.answer.StatusCode)
		}
		answers[name] = c.answer.Header
	}
	return answers
}

// Node.js's events initial_headers and headers, on every answer that they are for.
func TestHeaderHooks(t *testing.T) {
	opts := Options{
		Cookie: &http.Cookie{HttpOnly: true},
		OnInitialHeaders: func(h http.Header, r *http.Request) {
			h.Set("X-First", r.Header.Get("X-Asked"))
			h.Add("Set-Cookie", "own=1")
			h.Set("X-Order", "1")
		},
		OnHeaders: func(h http.Header, r *http.Request) {
			h.Set("X-Every", r.URL.Query().Get("transport"))
			h.Set("X-Order", h.Get("X-Order")+"2")
			h.Set("X-Lines", "a\r\nX-Evil: b")
			h.Set("No Name", "x")
			h.Set("Content-Type", "text/evil")
			h.Set("Content-Length", "7")
			h.Set("Upgrade", "evil")
		},
	}
	bothWays(t, opts, 0, func(t *testing.T, h *host) {
		for name, got := range h.everyAnswer("X-Asked", "this") {
			transport, order, first, cookies := "polling", "2", "", 0
			if name == "handshake" || name == "WebSocket" {
				first, order, cookies = "this", "12", 1
			}
			if name == "handshake" {
				cookies = 2
			}
			if name == "WebSocket" || name == "upgrade" {
				transport = "websocket"
			}
			if got.Get("X-First") != first || got.Get("X-Every") != transport || got.Get("X-Order") != order ||
				len(got["Set-Cookie"]) != cookies || got.Get("X-Evil") != "" ||
				got.Get("Content-Type") == "text/evil" ||
				strings.Contains(got.Get("X-Lines"), "\n") || got.Get("X-Lines") == "" {
				t.Errorf("%s: %v", name, got)
			}
			if name == "handshake" && !strings.Contains(got["Set-Cookie"][0], "; Path=/; HttpOnly; SameSite=Lax") {
				t.Errorf("the session's cookie: %q", got["Set-Cookie"])
			}
		}
	})
}

// The program's functions may block, and hold nobody else's requests.
func TestHooksMayBlock(t *testing.T) {
	release := make(chan struct{}) // takes one for each
	var asked atomic.Int64
	opts := Options{AllowRequest: func(r *http.Request) error {
		if asked.Add(1); r.Header.Get("X-Slow") != "" {
			<-release
		}
		return nil
	}}
	bothWays(t, opts, 0, func(t *testing.T, h *host) {
		asked.Store(0)
		var slow sync.WaitGroup
		for range 2 * len(h.flushers) { // more than there are loops
			slow.Go(func() {
				a, err := h.request("GET", "transport=polling", "", "X-Slow", "1")
				if err != nil || a.status != 200 {
					t.Errorf("slow: %v, %v", a, err)
				}
			})
		}
		waiting := int64(2 * len(h.flushers))
		eventually(t, "the slow ones", func() bool { return asked.Load() == waiting })
		h.openPoll().post("4x")
		h.openWS()
		for range waiting {
			release <- struct{}{}
		}
		slow.Wait()
		if n := asked.Load(); n != waiting+2 {
			t.Errorf("the program was asked %d times about %d handshakes", n, waiting+2)
		}
	})
}

// A client may go while the program thinks, or send more.
func TestClientsDoNotWaitForHooks(t *testing.T) {
	release := make(chan struct{})
	h := start(t, setup{message: echo, opts: Options{AllowRequest: func(r *http.Request) error {
		<-release
		return nil
	}}})
	request := "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n"
	dial := func(send string) net.Conn {
		conn, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprint(conn, send)
		return conn
	}
	gone, stays := dial(request), dial(request+request)
	defer stays.Close()
	gone.Close()
	time.Sleep(20 * time.Millisecond) // whatever the loop makes of it
	close(release)
	answers := bufio.NewReader(stays)
	for range 2 {
		a, err := http.ReadResponse(answers, nil)
		if err != nil || a.StatusCode != 200 {
			t.Fatal(a, err)
		}
		_, _ = io.Copy(io.Discard, a.Body)
	}
	eventually(t, "the sessions", func() bool { return h.Sessions() >= 2 })
}

// A function that panics costs its own client the connection, and nobody else anything.
func TestAllowRequestPanics(t *testing.T) {
	logs := new(logBuffer)
	h := start(t, setup{message: echo, opts: Options{
		Logger: slog.New(slog.NewTextHandler(logs, nil)),
		AllowRequest: func(r *http.Request) error {
			if r.Header.Get("X-Bad") != "" {
				panic("at the request")
			}
			return nil
		},
	}})
	if a, err := h.request("GET", "transport=polling", "", "X-Bad", "1"); err == nil {
		t.Errorf("answered: %v", a)
	}
	c := h.openPoll()
	c.post("4still there")
	c.wantPoll("4still there")
	if runtime.GOOS == "linux" && !strings.Contains(logs.String(), "at the request") {
		t.Errorf("the log says %q", logs.String())
	}
}

func TestAllowRequestRefuses(t *testing.T) {
	told := make(chan ConnectionError, 4)
	opts := Options{
		AllowRequest: func(r *http.Request) error {
			if r.Header.Get("X-Token") != "right" {
				return errors.New("who are you?")
			}
			return nil
		},
		OnConnectionError: func(e ConnectionError) { told <- e },
	}
	bothWays(t, opts, 0, func(t *testing.T, h *host) {
		h.everyAnswer("X-Token", "right")
		h.want("GET", "transport=polling", "", 403, `{"code":4,"message":"who are you?"}`)
		c := h.rawUpgrade("GET", "transport=websocket")
		body := make([]byte, 100)
		n, _ := c.r.Read(body)
		if c.answer.StatusCode != 400 || c.answer.Header.Get("Content-Type") != "text/html" || !c.answer.Close ||
			string(body[:n]) != "who are you?" {
			t.Errorf("WebSocket: %d %v %q", c.answer.StatusCode, c.answer.Header, body[:n])
		}
		for range 2 {
			e := <-told
			if e.Code != Forbidden || e.Context.Message != "who are you?" || e.Context.Err == nil || e.Request == nil {
				t.Errorf("told %+v", e)
			}
		}
	})
}

func TestGenerateID(t *testing.T) {
	var told atomic.Pointer[ConnectionError]
	opts := Options{
		GenerateID: func(r *http.Request) (string, error) {
			if id := r.URL.Query().Get("id"); id != "bad" {
				return id, nil
			}
			return "", errors.New("no more ids")
		},
		OnConnectionError: func(e ConnectionError) { told.Store(&e) },
	}
	const refused = `{"code":3,"message":"Bad request"}`
	bothWays(t, opts, 0, func(t *testing.T, h *host) {
		a, err := h.request("GET", "transport=polling&id=mine", "")
		if err != nil || !strings.Contains(a.body, `{"sid":"mine",`) {
			t.Fatalf("%v, %v", a, err)
		}
		h.want("POST", "transport=polling&sid=mine", "4x", 200, "ok")
		c := h.rawUpgrade("GET", "transport=websocket&id=other")
		if _, b := c.read(); !strings.Contains(string(b), `{"sid":"other",`) {
			t.Errorf("WebSocket: %s", b)
		}
		h.want("GET", "transport=polling&id=bad", "", 400, refused)
		if e := told.Load(); e.Context.Name != NameIDGeneration || e.Context.Err.Error() != "no more ids" {
			t.Errorf("told %+v", e)
		}
		h.want("GET", "transport=polling&id=mine", "", 400, refused)
		h.want("GET", "transport=polling", "", 400, refused)
		if n := h.Sessions(); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}

// Two handshakes at one moment that the program gives the same id: one session is left, and the server's end still
// comes.
func TestTwoSessionsOfOneID(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	h := start(t, setup{opts: Options{GenerateID: func(*http.Request) (string, error) { return "same", nil }},
		connect: func(*peer) { both.Done(); both.Wait() }})
	o := opening{lines: "192.0.2.1:5\n/\nh\n", at: time.Now().UnixNano(), origin: new(origin)}
	var opened sync.WaitGroup
	for range 2 {
		opened.Go(func() {
			guest, _ := h.admit(addressOf(nil), 1)
			h.openPolling("same", query{revision: "4"}, o, guest, h.nextFlusher())
		})
	}
	opened.Wait()
	eventually(t, "one session", func() bool {
		h.registry.mu.RLock()
		defer h.registry.mu.RUnlock()
		return h.ending == 0
	})
	if h.Sessions() != 1 || h.session("same") == nil {
		t.Errorf("%d sessions", h.Sessions())
	}
}

// Origins by name, by pattern and by function.
func TestOriginsByPatternAndFunction(t *testing.T) {
	opts := Options{CORS: &CORS{
		Origins:        []string{"https://named.example"},
		OriginPatterns: []*regexp.Regexp{regexp.MustCompile(`^https://([a-z]+\.)?chat\.example$`)},
		AllowOrigin:    func(origin string) bool { return strings.HasSuffix(origin, ".asked.example") },
		Credentials:    true,
	}}
	bothWays(t, opts, 0, func(t *testing.T, h *host) {
		for _, origin := range []string{
			"https://named.example", "https://chat.example", "https://a.chat.example", "https://x.asked.example",
		} {
			for name, got := range h.everyAnswer("Origin", origin) {
				if got.Get("Access-Control-Allow-Origin") != origin || got.Get("Vary") != "Origin" ||
					got.Get("Access-Control-Allow-Credentials") != "true" {
					t.Errorf("%s from %s: %v", name, origin, got)
				}
			}
		}
		h.everyAnswer() // programs
		h.everyAnswer("Origin", "https://server.example")
		c := h.openPoll()
		for _, origin := range []string{
			"https://evil.example", "https://chat.example.evil.example", "https://1.chat.example", "null",
		} {
			h.want("GET", "transport=polling", "", 403, notAllowed, "Origin", origin)
			h.want("POST", c.params, "4x", 403, notAllowed, "Origin", origin)
			h.want("GET", c.params, "", 403, notAllowed, "Origin", origin)
			ws := h.rawUpgrade("GET", "transport=websocket", "Origin", origin)
			if ws.answer.StatusCode != 403 || ws.answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("WebSocket from %s: %d %v", origin, ws.answer.StatusCode, ws.answer.Header)
			}
		}
		c.post("4still there")
		c.wantPoll("4still there")
	})
}

// One transport only: what is for the other is refused by net/http.
func TestOneTransportOnly(t *testing.T) {
	bothWays(t, Options{Transports: []string{"websocket"}}, 1, func(t *testing.T, h *host) {
		h.openWS()
		h.want("GET", "transport=polling", "", 400, jsonError(0, "Transport unknown"))
	})
	bothWays(t, Options{Transports: []string{"polling"}}, 1, func(t *testing.T, h *host) {
		h.openPoll()
		if c := h.rawUpgrade("GET", "transport=websocket"); c.answer.StatusCode != 400 {
			t.Errorf("status %d", c.answer.StatusCode)
		}
	})
}

func TestTrailingSlash(t *testing.T) {
	for path, want := range map[string]string{"/chat": "/chat/", "/chat/": "/chat/", "": "/engine.io/"} {
		if got := NewServer(Options{Path: path}, nil).opts.Path; got != want {
			t.Errorf("%q: %q", path, got)
		}
	}
	bothWays(t, Options{Path: "/engine.io", NoTrailingSlash: true}, 1, func(t *testing.T, h *host) {
		for _, url := range []string{"http://h/engine.io?EIO=4&transport=polling", h.url("http", "transport=polling")} {
			if a, err := h.do(t.Context(), "GET", url, nil); err != nil || a.status != 200 {
				t.Errorf("%s: %v, %v", url, a, err)
			}
		}
	})
}
