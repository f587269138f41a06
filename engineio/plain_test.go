package engineio

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

const handshakeRequest = "GET /engine.io/?EIO=4&transport=websocket&x=%20y HTTP/1.1\r\nHost: chat.example:3000\r\nconnection: keep-alive, Upgrade\r\n" +
	"UPGRADE: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: a=b\r\ncookie:  c=d \r\n" +
	"Pragma: no-cache\r\nCache-Control: no-cache\r\nX-Forwarded-For: 198.51.100.1\r\nx-forwarded-for: 192.0.2.9\r\nX-Empty:\r\n\r\n\x81\x80mask"

const (
	pollRequest = "GET /engine.io/?EIO=4&transport=polling&t=1&sid=x HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip, br\r\n" +
		"Connection: keep-alive\r\n\r\n"
	postRequest = "POST /engine.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" +
		"Content-Type: text/plain;charset=UTF-8\r\n\r\n42[1]GET"
)

func plainServer() *Server {
	return NewServer(Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, nil)
}

// What is read without net/http says the same as what net/http reads, and what it may not take is not taken.
func TestPlainRequests(t *testing.T) {
	srv := plainServer()
	for name, request := range map[string]string{
		"handshake": handshakeRequest, "poll": pollRequest, "POST": postRequest,
		"polling handshake": strings.Replace(pollRequest, "&sid=x", "", 1),
		"upgrade":           strings.Replace(handshakeRequest, "EIO=4", "EIO=4&sid=x", 1),
	} {
		t.Run(name, func(t *testing.T) {
			r, verdict := srv.parsePlain([]byte(request), []string{"X-Shown"})
			if verdict != plain {
				t.Fatal("not taken for a plain request")
			}
			checkPlain(t, srv, []byte(request), r)
			for cut := len("POST /"); cut < r.size; cut++ {
				want := incomplete
				if len(r.body) > 0 && cut >= r.size-len(r.body) {
					want = bodyToCome
				}
				if _, verdict := srv.parsePlain([]byte(request[:cut]), []string{"X-Shown"}); verdict != want {
					t.Fatalf("%q: verdict %d", request[:cut], verdict)
				}
			}
		})
	}
	for name, edit := range map[string][2]string{
		"a body":               {"Connection: keep-alive", "Content-Length: 1"},
		"an empty body":        {"Connection: keep-alive", "Content-Length: 0"},
		"the end":              {"keep-alive", "close"},
		"two Accept-Encodings": {"Connection: keep-alive", "Accept-Encoding: br"},
		"HEAD":                 {"GET", "HEAD"},
		"no revision":          {"EIO=4&", ""},
		"a field to be shown":  {"Connection: keep-alive", "x-shown: 1"},
	} {
		t.Run("poll with "+name, func(t *testing.T) { wantNotPlain(t, srv, pollRequest, edit) })
	}
	for name, edit := range map[string][2]string{
		"no length":       {"Content-Length", "X"},
		"two lengths":     {"Host", "Content-Length: 5\r\nHost"},
		"signed length":   {": 5", ": +5"},
		"octal length":    {": 5", ": 05"},
		"negative length": {": 5", ": -5"},
		"length -0":       {": 5", ": -0"},
		"two types":       {"Content-Type", "Content-Type:\r\nContent-Type"},
		"no number":       {": 5", ": 5 "[:3] + "x"},
		"too much":        {": 5", ": 65537"},
		"binary":          {"text/plain;charset=UTF-8", "application/octet-stream"},
		"chunks":          {"Content-Length: 5", "Transfer-Encoding: chunked"},
		"no session":      {"&sid=x", ""},
	} {
		t.Run("POST with "+name, func(t *testing.T) { wantNotPlain(t, srv, postRequest, edit) })
	}
	for name, edit := range map[string][2]string{
		"another method":           {"GET ", "PUT "},
		"HTTP/1.0":                 {"HTTP/1.1", "HTTP/1.0"},
		"absolute form":            {"GET /", "GET http://chat.example/"},
		"another path":             {"/engine.io/", "/other/"},
		"escaped path":             {"/engine.io/", "/engine.i%6f/"},
		"fragment":                 {"%20y", "#y"},
		"space in the target":      {"%20y", " y"},
		"polling":                  {"transport=websocket", "transport=polling"},
		"revision 3":               {"EIO=4", "EIO=3"},
		"too long":                 {"a=b", strings.Repeat("a", maxPlainHead)},
		"bare line feed":           {"Cookie: a=b\r\n", "Cookie: a=b\n"},
		"folded line":              {"a=b\r\n", "a=b\r\n c\r\n"},
		"space in a name":          {"Cookie:", "Cookie :"},
		"no colon":                 {"Cookie: a=b", "Cookie"},
		"no name":                  {"Cookie: a=b", ": a=b"},
		"control byte":             {"a=b", "a\x00b"},
		"beyond ASCII":             {"a=b", "a\xffb"},
		"no host":                  {"Host: chat.example:3000\r\n", ""},
		"two hosts":                {"Host: ", "Host: a\r\nHost: "},
		"two hosts, one empty":     {"Host: ", "Host:\r\nHost: "},
		"empty host":               {"chat.example:3000", ""},
		"host of another kind":     {"chat.example:3000", "a@b"},
		"no upgrade":               {"UPGRADE: WebSocket", "X: y"},
		"upgrade to another":       {"UPGRADE: WebSocket", "Upgrade: h2c"},
		"no connection":            {"connection:", "X-Connection:"},
		"no key":                   {"Sec-WebSocket-Key:", "X-Key:"},
		"two keys":                 {"Cookie: a=b", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="},
		"two keys, one empty":      {"Sec-WebSocket-Key: ", "Sec-WebSocket-Key:\r\nSec-WebSocket-Key: "},
		"short key":                {"dGhlIHNhbXBsZSBub25jZQ==", "dGhl"},
		"version 8":                {"Version: 13", "Version: 8"},
		"two versions":             {"Cookie: a=b", "Sec-WebSocket-Version: 13"},
		"two versions, one empty":  {"Sec-WebSocket-Version", "Sec-WebSocket-Version:\r\nSec-WebSocket-Version"},
		"a body":                   {"Cookie: a=b", "Content-Length: 3"},
		"an empty body":            {"Cookie: a=b", "Content-Length: 0"},
		"chunked":                  {"Cookie: a=b", "Transfer-Encoding: chunked"},
		"Expect":                   {"Cookie: a=b", "Expect: 100-continue"},
		"subprotocol":              {"Cookie: a=b", "Sec-WebSocket-Protocol: x"},
		"Pragma, no Cache-Control": {"Cache-Control: no-cache\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			wantNotPlain(t, srv, handshakeRequest, edit)
		})
	}
}

func wantNotPlain(t *testing.T, srv *Server, request string, edit [2]string) {
	t.Helper()
	edited := strings.Replace(request, edit[0], edit[1], 1)
	if edited == request {
		t.Fatal("the edit changes nothing")
	}
	if _, verdict := srv.parsePlain([]byte(edited), []string{"X-Shown"}); verdict != notPlain {
		t.Errorf("verdict %d", verdict)
	}
}

// checkPlain compares a request that has been read without net/http with what net/http makes of it.
func checkPlain(t *testing.T, srv *Server, b []byte, got plainRequest) {
	t.Helper()
	rest := bufio.NewReaderSize(bytes.NewReader(b), len(b)+16)
	r, err := http.ReadRequest(rest)
	if err != nil {
		t.Fatalf("net/http refuses it: %v", err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || !bytes.Equal(body, got.body) {
		t.Errorf("body %q, want %q, %v", got.body, body, err)
	}
	if size := len(b) - rest.Buffered(); size != got.size {
		t.Errorf("size %d, want %d", got.size, size)
	}
	if r.Close || r.Method != got.method || r.Host != got.host || r.URL.RequestURI() != got.uri || r.URL.Path != "/engine.io/" {
		t.Errorf("%q, %q, %q, want %q, %q, %q, close %v", got.method, got.host, got.uri, r.Method, r.Host, r.URL, r.Close)
	}
	if q := parseQuery(r.URL.RawQuery); q != got.query || q.revision != "4" {
		t.Errorf("query %+v, want %+v", got.query, q)
	}
	upgrade := IsUpgrade(r)
	if upgrade != got.upgrade || upgrade != (got.query.transport == transportWebSocket) {
		t.Errorf("upgrade %v, want %v", got.upgrade, upgrade)
	}
	if answer := httptest.NewRecorder(); upgrade && !checkWebSocket(answer, r) {
		t.Errorf("the handshake is refused: %s", answer.Body)
	}
	if key := r.Header.Get("Sec-WebSocket-Key"); upgrade && key != got.key {
		t.Errorf("key %q, want %q", got.key, key)
	}
	if gzip := acceptsGzip(r.Header.Values("Accept-Encoding")); gzip != got.gzip {
		t.Errorf("gzip %v, want %v", got.gzip, gzip)
	}
	if got.query.sid != "" {
		return
	}
	r.RemoteAddr = "192.0.2.1:5"
	want, opened := newOpening(srv.throughProxies(r)), srv.plainOpening(&got, netip.MustParseAddrPort(r.RemoteAddr))
	wanted, has := want.handshake(), opened.handshake()
	wanted.Time, has.Time = time.Time{}, time.Time{}
	if !reflect.DeepEqual(has, wanted) {
		t.Errorf("handshake\n%+v\nwant\n%+v", has, wanted)
	}
}

// Whatever is taken for a plain request, net/http takes for one as well, and reads the same from it.
func FuzzPlainRequest(f *testing.F) {
	for _, request := range []string{handshakeRequest, pollRequest, postRequest} {
		f.Add([]byte(request))
	}
	srv := plainServer()
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, verdict := srv.parsePlain(b, []string{"X-Shown"}); verdict == plain {
			checkPlain(t, srv, b, r)
		}
	})
}
