package engineio

// Pages of origins that are not allowed. Browsers let any page open a WebSocket, and send a POST whose answer it may
// not read: that the answer has no Access-Control-Allow-Origin stops neither.

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	allowedOrigin = "https://a.example"
	strangeOrigin = "https://evil.example"
	notAllowed    = `{"code":4,"message":"Origin not allowed"}`
)

// toldErrors collects what OnConnectionError is told.
type toldErrors struct {
	mu   sync.Mutex
	told []string
}

func (e *toldErrors) tell(told ConnectionError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, told.Code.String()+": "+told.Message+": "+told.Context.Origin)
}

func TestOrigins(t *testing.T) {
	told := new(toldErrors)
	h := start(t, setup{
		opts:    Options{CORS: &CORS{Origins: []string{allowedOrigin}}, OnConnectionError: told.tell},
		message: echo,
	})
	c := h.openPoll() // without an Origin, as programs connect
	for name, origin := range map[string]string{
		"none": "", "allowed": allowedOrigin, "its own": "https://server.example",
		"its own, in capitals": "HTTP://SERVER.EXAMPLE",
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if origin != "" {
				header = []string{"Origin", origin}
			}
			if a, err := h.request("GET", "transport=polling", "", header...); err != nil || a.status != http.StatusOK {
				t.Errorf("polling: %v %v", a, err)
			}
			h.want("POST", c.params, "4hello", http.StatusOK, "ok", header...)
			h.want("GET", c.params, "", http.StatusOK, "4hello", header...)
			if ws := h.rawUpgrade("GET", "transport=websocket", header...); ws.answer.StatusCode != 101 {
				t.Errorf("WebSocket: %d", ws.answer.StatusCode)
			}
			polls := h.openPoll()
			if ws := h.rawUpgrade("GET", "transport=websocket&sid="+polls.sid, header...); ws.answer.StatusCode != 101 {
				t.Errorf("upgrade: %d", ws.answer.StatusCode)
			}
		})
	}
	told.mu.Lock()
	if len(told.told) > 0 {
		t.Errorf("refused: %q", told.told)
	}
	told.mu.Unlock()

	sessions := h.Sessions()
	strange := []string{"Origin", strangeOrigin}
	for _, origin := range []string{
		strangeOrigin, "null", "http://a.example", "https://a.example:8443", "https://a.example.evil.example", "x",
		"https://server.example.evil.example", "https://evil.example/server.example",
		"https://server.example@evil.example",
		"https://server.example:3000", "file://", "://server.example", "server.example",
	} {
		header := []string{"Origin", origin}
		h.want("GET", "transport=polling", "", http.StatusForbidden, notAllowed, header...)
		h.want("GET", c.params, "", http.StatusForbidden, notAllowed, header...)
		h.want("POST", c.params, "4evil", http.StatusForbidden, notAllowed, header...)
		for _, params := range []string{"transport=websocket", "transport=websocket&sid=" + c.sid} {
			ws := h.rawUpgrade("GET", params, header...)
			if ws.answer.StatusCode != http.StatusForbidden ||
				ws.answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s from %q: %d %v", params, origin, ws.answer.StatusCode, ws.answer.Header)
			}
		}
	}
	// Two of them, as no browser sends.
	request := strings.Replace(c.postHead(2), "Host: h",
		"Host: h\r\nOrigin: "+allowedOrigin+"\r\nOrigin: "+strangeOrigin, 1)
	if status := h.rawStatus(t, request+"4x"); status != http.StatusForbidden {
		t.Errorf("two origins: %d", status)
	}
	if n := h.Sessions(); n != sessions {
		t.Errorf("%d sessions, there were %d", n, sessions)
	}
	if got := c.peer().messages(); slices.ContainsFunc(got, func(m received) bool { return m.data == "evil" }) {
		t.Errorf("heard %v", got)
	}
	if want := "Forbidden: Origin not allowed: " + strangeOrigin; told.told[0] != want || len(told.told) != 5*13+1 {
		t.Errorf("told %d: %q", len(told.told), told.told[0])
	}
	// The answer to a preflight is the browser's to read, as ever.
	if a, err := h.request("OPTIONS", "transport=polling", "", strange...); err != nil ||
		a.status != http.StatusNoContent ||
		a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight: %v %v", a, err)
	}
}

// Where every origin is allowed, or nothing is said of origins, nobody is refused.
func TestAnyOrigin(t *testing.T) {
	for name, cors := range map[string]*CORS{"no CORS": nil, "any": {}, "star": {Origins: []string{"*"}}} {
		t.Run(name, func(t *testing.T) {
			h := start(t, setup{opts: Options{CORS: cors}})
			for _, origin := range []string{strangeOrigin, "null", "x"} {
				a, err := h.request("GET", "transport=polling", "", "Origin", origin)
				if err != nil || a.status != http.StatusOK {
					t.Errorf("%s: %v %v", origin, a, err)
				}
				if ws := h.rawUpgrade("GET", "transport=websocket", "Origin", origin); ws.answer.StatusCode != 101 {
					t.Errorf("%s: WebSocket: %d", origin, ws.answer.StatusCode)
				}
			}
		})
	}
}

// A stream of another package's comes with the request that asked for it.
func TestOriginOfAStream(t *testing.T) {
	srv := NewServer(Options{
		CORS: &CORS{Origins: []string{allowedOrigin}}, Transports: []string{"polling", "websocket", "raw"},
	}, func(*Session) Handler { return &peer{} })
	client, server := net.Pipe()
	defer client.Close()
	r := httptest.NewRequest(http.MethodConnect, "/engine.io/", nil)
	r.Header.Set("Origin", strangeOrigin)
	if err := srv.ServeStream(server, rawFraming{}, r); err == nil ||
		!strings.Contains(err.Error(), "Origin not allowed") {
		t.Errorf("got %v", err)
	}
}

// A rawFraming takes no packets.
type rawFraming struct{}

func (rawFraming) Name() string                                 { return "raw" }
func (rawFraming) AppendPacket(b, packet []byte, _ bool) []byte { return append(b, packet...) }
func (rawFraming) NewDecoder(int) Decoder                       { return nil }

// rawStatus sends a request as it stands and returns its answer's status.
func (h *host) rawStatus(t *testing.T, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	return r.StatusCode
}
