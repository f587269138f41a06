package plainhttp

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp/plaintest"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/wsframe"
)

const handshakeRequest = "GET /engine.io/?EIO=4&transport=websocket&x=%20y HTTP/1.1\r\n" +
	"Host: chat.example:3000\r\nconnection: keep-alive, Upgrade\r\nUPGRADE: WebSocket\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
	"Cookie: a=b\r\ncookie:  c=d \r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
	"X-Forwarded-For: 198.51.100.1\r\nx-forwarded-for: 192.0.2.9\r\nX-Empty:\r\n\r\n\x81\x80mask"

const (
	pollRequest = "GET /engine.io/?EIO=4&transport=polling&t=1&sid=x HTTP/1.1\r\nHost: h\r\n" +
		"Accept-Encoding: gzip, br\r\nConnection: keep-alive\r\n\r\n"
	postRequest = "POST /engine.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" +
		"Content-Type: text/plain;charset=UTF-8\r\n\r\n42[1]GET"
	preflightRequest = "OPTIONS /engine.io/?EIO=4 HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n" +
		"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-a,x-b\r\n\r\n"
)

var parser = &Parser{
	Path: "/engine.io/", Except: []string{"X-Shown"}, MaxBody: 64 << 10, ForwardedFor: true, Origin: true,
	Extensions: true, Preflight: true,
}

// What is read here says the same as what net/http reads, and what it may not take is not taken.
func TestParse(t *testing.T) {
	for name, request := range map[string]string{
		"WebSocket": handshakeRequest, "GET": pollRequest, "POST": postRequest,
		"POST of nothing":   strings.Replace(postRequest, ": 5", ": 0", 1),
		"no query":          strings.Replace(pollRequest, "?EIO=4&transport=polling&t=1&sid=x", "", 1),
		"an empty query":    strings.Replace(pollRequest, "EIO=4&transport=polling&t=1&sid=x", "", 1),
		"preflight":         preflightRequest,
		"nginx's upgrade":   strings.Replace(pollRequest, "keep-alive", "upgrade", 1),
		"nginx's close":     strings.Replace(pollRequest, "keep-alive", "close", 1),
		"an upstream's":     strings.Replace(pollRequest, "Host: h", "Host: socket_nodes:80", 1),
		"beyond ASCII":      strings.Replace(handshakeRequest, "a=b", "a=\xc3\xa9", 1),
		"a name with signs": strings.Replace(pollRequest, "Connection", "x_Y.z", 1),
		"a long name":       strings.Replace(pollRequest, "Connection", strings.Repeat("a-Long-name-", 20), 1),
	} {
		t.Run(name, func(t *testing.T) {
			r, verdict := parser.Parse([]byte(request))
			if verdict != Plain {
				t.Fatal("not taken for a plain request")
			}
			compare(t, []byte(request), r)
			for cut := strings.Index(request, "/") + 1; cut < r.Size; cut++ {
				want := Incomplete
				if len(r.Body) > 0 && cut >= r.Size-len(r.Body) {
					want = BodyToCome
				}
				early, verdict := parser.Parse([]byte(request[:cut]))
				if verdict != want {
					t.Fatalf("%q: verdict %d", request[:cut], verdict)
				}
				if verdict == BodyToCome && (early.Size != r.Size || early.Query != r.Query) {
					t.Fatalf("%q: %+v", request[:cut], early)
				}
			}
		})
	}
	for name, edit := range map[string][2]string{
		"a body":               {"Connection: keep-alive", "Content-Length: 1"},
		"an empty body":        {"Connection: keep-alive", "Content-Length: 0"},
		"two Accept-Encodings": {"Connection: keep-alive", "Accept-Encoding: br"},
		"HEAD":                 {"GET", "HEAD"},
		"a field to be shown":  {"Connection: keep-alive", "x-shown: 1"},
	} {
		t.Run("poll with "+name, func(t *testing.T) { wantNotPlain(t, pollRequest, edit) })
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
	} {
		t.Run("POST with "+name, func(t *testing.T) { wantNotPlain(t, postRequest, edit) })
	}
	for name, edit := range map[string][2]string{
		"another method":           {"GET ", "PUT "},
		"HTTP/1.0":                 {"HTTP/1.1", "HTTP/1.0"},
		"absolute form":            {"GET /", "GET http://chat.example/"},
		"another path":             {"/engine.io/", "/other/"},
		"escaped path":             {"/engine.io/", "/engine.i%6f/"},
		"fragment":                 {"%20y", "#y"},
		"space in the target":      {"%20y", " y"},
		"too long":                 {"a=b", strings.Repeat("a", maxHead)},
		"bare line feed":           {"Cookie: a=b\r\n", "Cookie: a=b\n"},
		"folded line":              {"a=b\r\n", "a=b\r\n c\r\n"},
		"space in a name":          {"Cookie:", "Cookie :"},
		"no colon":                 {"Cookie: a=b", "Cookie"},
		"no name":                  {"Cookie: a=b", ": a=b"},
		"control byte":             {"a=b", "a\x00b"},
		"beyond ASCII":             {"keep-alive", "clo\u017fe"}, // which is "close" to strings.EqualFold
		"no host":                  {"Host: chat.example:3000\r\n", ""},
		"two hosts":                {"Host: ", "Host: a\r\nHost: "},
		"two hosts, one empty":     {"Host: ", "Host:\r\nHost: "},
		"empty host":               {"chat.example:3000", ""},
		"host of another kind":     {"chat.example:3000", "a@b"},
		"the end":                  {"keep-alive", "close"},
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
			wantNotPlain(t, handshakeRequest, edit)
		})
	}
}

func wantNotPlain(t *testing.T, request string, edit [2]string) {
	t.Helper()
	edited := strings.Replace(request, edit[0], edit[1], 1)
	if edited == request {
		t.Fatal("the edit changes nothing")
	}
	if _, verdict := parser.Parse([]byte(edited)); verdict != NotPlain {
		t.Errorf("verdict %d", verdict)
	}
}

// compare compares a request that has been read here with what net/http makes of it.
func compare(t *testing.T, b []byte, got Request) {
	t.Helper()
	rest := bufio.NewReaderSize(bytes.NewReader(b), len(b)+16)
	r, err := http.ReadRequest(rest)
	if err != nil {
		t.Fatalf("net/http refuses it: %v", err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || !bytes.Equal(body, got.Body) {
		t.Errorf("body %q, want %q, %v", got.Body, body, err)
	}
	if size := len(b) - rest.Buffered(); size != got.Size {
		t.Errorf("size %d, want %d", got.Size, size)
	}
	if r.Close != got.Close || r.Method != got.Method || r.Host != got.Host || r.RequestURI != got.URI ||
		r.URL.Path != parser.Path {
		t.Errorf("%q, %q, %q, want %q, %q, %q, close %v",
			got.Method, got.Host, got.URI, r.Method, r.Host, r.RequestURI, r.Close)
	}
	if r.URL.RawQuery != got.Query {
		t.Errorf("query %q, want %q", got.Query, r.URL.RawQuery)
	}
	upgrade := r.Header.Get("Upgrade") != "" && HasToken(r.Header.Values("Connection"), "upgrade")
	if upgrade != got.Upgrade {
		t.Errorf("upgrade %v, want %v", got.Upgrade, upgrade)
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if upgrade && (key != got.Key || !wsframe.ValidKey(key) || r.Header.Get("Sec-WebSocket-Version") != "13") {
		t.Errorf("key %q, want %q, version %q", got.Key, key, r.Header.Get("Sec-WebSocket-Version"))
	}
	if gzip := AcceptsGzip(r.Header.Values("Accept-Encoding")); gzip != got.Gzip {
		t.Errorf("gzip %v, want %v", got.Gzip, gzip)
	}
	if through := r.Header.Values("X-Forwarded-For"); len(through)+len(got.ForwardedFor) > 0 &&
		!reflect.DeepEqual(got.ForwardedFor, through) {
		t.Errorf("X-Forwarded-For %q, want %q", got.ForwardedFor, through)
	}
	if r.Header.Get("Origin") != got.Origin || r.Header.Get("Access-Control-Request-Headers") != got.AsksHeaders {
		t.Errorf("from %q with %q, want %v", got.Origin, got.AsksHeaders, r.Header)
	}
	if asked := r.Header.Values("Sec-WebSocket-Extensions"); len(asked)+len(got.Extensions) > 0 &&
		!reflect.DeepEqual(got.Extensions, asked) {
		t.Errorf("extensions %q, want %q", got.Extensions, asked)
	}
	if n := len(got.AppendFields(nil)); n != got.FieldsSize {
		t.Errorf("the fields have %d bytes, not %d", n, got.FieldsSize)
	}
	header := http.Header{}
	for rest := string(got.AppendFields(nil)); rest != ""; {
		var name, value string
		name, rest, _ = strings.Cut(rest, "\n")
		value, rest, _ = strings.Cut(rest, "\n")
		header[name] = append(header[name], value)
	}
	if r.Header.Del("Host"); len(header)+len(r.Header) > 0 && !reflect.DeepEqual(header, r.Header) {
		t.Errorf("fields %q, want %q", header, r.Header)
	}
}

// Whatever is taken for a plain request, net/http takes for one as well, and reads the same from it.
func FuzzParse(f *testing.F) {
	for _, request := range []string{handshakeRequest, pollRequest, postRequest, preflightRequest} {
		f.Add([]byte(request))
	}
	for _, edit := range mended {
		f.Add([]byte(strings.Replace(edit[0], edit[1], edit[2], 1)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, verdict := parser.Parse(b); verdict == Plain {
			compare(t, b, r)
		}
	})
}

// mended are what was once taken for plain and is refused by net/http.
var mended = [][3]string{
	{postRequest, ": 5", ": -0"},
	{pollRequest, "Host: ", "Host:\r\nHost: "},
	{handshakeRequest, "Sec-WebSocket-Key: ", "Sec-WebSocket-Key:\r\nSec-WebSocket-Key: "},
	{handshakeRequest, "Sec-WebSocket-Version", "Sec-WebSocket-Version:\r\nSec-WebSocket-Version"},
}

// The same, with requests whose fields are added, doubled, changed and taken away: the bytes choose which.
func FuzzFields(f *testing.F) {
	for _, seed := range plaintest.Mended {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		c := plaintest.Choices(choices)
		b := []byte(c.Request())
		if r, verdict := parser.Parse(b); verdict == Plain {
			compare(t, b, r)
		}
	})
}

// Where nobody is trusted with X-Forwarded-For it is not kept, and a field that is not named in Except is let through.
func TestParserSettings(t *testing.T) {
	p := &Parser{Path: "/engine.io/", MaxBody: 4}
	request := strings.Replace(handshakeRequest, "Cookie", "X-Shown", 1)
	if r, verdict := p.Parse([]byte(request)); verdict != Plain || r.ForwardedFor != nil {
		t.Errorf("verdict %d, X-Forwarded-For %q", verdict, r.ForwardedFor)
	}
	if _, verdict := p.Parse([]byte(postRequest)); verdict != NotPlain {
		t.Errorf("a POST over the limit: verdict %d", verdict)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, bm := range []struct{ name, request string }{
		{"poll", pollRequest}, {"POST", postRequest}, {"WebSocket", handshakeRequest},
	} {
		b.Run(bm.name, func(b *testing.B) {
			request := []byte(bm.request)
			b.ReportAllocs()
			for b.Loop() {
				if _, verdict := parser.Parse(request); verdict != Plain {
					b.Fatal("not taken for a plain request")
				}
			}
		})
	}
}
