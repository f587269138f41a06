package engineio

// What is read without net/http says the same as what net/http reads.

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp"
	"github.com/brunossouza/websocket-escalonavel/engineio/internal/plainhttp/plaintest"
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
)

func plainServer() (*Server, *plainhttp.Parser) {
	srv := NewServer(Options{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		CORS:           &CORS{Origins: []string{"https://a.example"}}, PerMessageDeflate: &PerMessageDeflate{},
	}, nil)
	return srv, srv.plainParser([]string{"x-shown"})
}

// The protocol's requests are plain, and say what net/http reads from them. Others are left to net/http.
func TestPlainRequests(t *testing.T) {
	srv, parser := plainServer()
	for name, request := range map[string]string{
		"handshake":         handshakeRequest,
		"poll":              pollRequest,
		"POST":              postRequest,
		"polling handshake": strings.Replace(pollRequest, "&sid=x", "", 1),
		"upgrade":           strings.Replace(handshakeRequest, "EIO=4", "EIO=4&sid=x", 1),
	} {
		t.Run(name, func(t *testing.T) {
			r, verdict := parsePlain(parser, []byte(request), false)
			if verdict != plainhttp.Plain {
				t.Fatal("not taken for a plain request")
			}
			checkPlain(t, srv, []byte(request), r)
		})
	}
	for name, edit := range map[string][3]string{
		"a handshake of revision 3":          {handshakeRequest, "EIO=4", "EIO=3"},
		"a WebSocket handshake for polling":  {handshakeRequest, "transport=websocket", "transport=polling"},
		"a poll without a revision":          {pollRequest, "EIO=4&", ""},
		"a poll for WebSocket":               {pollRequest, "transport=polling", "transport=websocket"},
		"a poll for another":                 {pollRequest, "transport=polling", "transport=carrier"},
		"a poll without a transport":         {pollRequest, "transport=polling&", ""},
		"a POST without a session":           {postRequest, "&sid=x", ""},
		"a POST for WebSocket":               {postRequest, "transport=polling", "transport=websocket"},
		"a POST without a session or a body": {strings.TrimSuffix(postRequest, "42[1]GET"), "&sid=x", ""},
		"a poll with a field to be shown":    {pollRequest, "Connection: keep-alive", "X-SHOWN: 1"},
		"a POST of more than may be":         {postRequest, ": 5", ": 65537"},
		"a request for another path":         {pollRequest, "/engine.io/", "/other/"},
	} {
		t.Run(name, func(t *testing.T) {
			edited := strings.Replace(edit[0], edit[1], edit[2], 1)
			if edited == edit[0] {
				t.Fatal("the edit changes nothing")
			}
			if _, verdict := parsePlain(parser, []byte(edited), false); verdict != plainhttp.NotPlain {
				t.Errorf("verdict %d", verdict)
			}
		})
	}
}

// checkPlain compares got, which was read from b, with what the server makes of b by way of net/http. The tests of
// plainhttp compare the rest.
func checkPlain(t *testing.T, srv *Server, b []byte, got plainRequest) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		t.Fatalf("net/http refuses it: %v", err)
	}
	if q := parseQuery(r.URL.RawQuery); q != got.query || q.revision != "4" && !got.preflight() {
		t.Errorf("query %+v, want %+v", got.query, q)
	}
	upgrade := IsUpgrade(r)
	if got.preflight() {
		if upgrade {
			t.Error("an upgrade is taken for a preflight request")
		}
		return
	}
	if upgrade != got.Upgrade || upgrade != (got.query.transport == transportWebSocket) {
		t.Errorf("upgrade %v, want %v", got.Upgrade, upgrade)
	}
	if answer := httptest.NewRecorder(); upgrade && !checkWebSocket(answer, r) {
		t.Errorf("the handshake is refused: %s", answer.Body)
	}
	if got.query.sid != "" {
		return
	}
	r.RemoteAddr = "192.0.2.1:5"
	client := srv.clientOf(netip.MustParseAddrPort(r.RemoteAddr), got.ForwardedFor)
	want, opened := newOpening(srv.throughProxies(r)), plainOpening(&got, client,
		&origin{method: http.MethodGet, proto: "HTTP/1.1", values: context.Background()})
	wanted, has := want.handshake(), opened.handshake()
	wanted.Time, has.Time = time.Time{}, time.Time{}
	if !reflect.DeepEqual(has, wanted) {
		t.Errorf("handshake\n%+v\nwant\n%+v", has, wanted)
	}
}

// Property: net/http accepts every plain request, and reads the same from it.
func FuzzPlainRequest(f *testing.F) {
	for _, request := range []string{handshakeRequest, pollRequest, postRequest} {
		f.Add([]byte(request))
	}
	srv, parser := plainServer()
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, verdict := parsePlain(parser, b, false); verdict == plainhttp.Plain {
			checkPlain(t, srv, b, r)
		}
	})
}

// The same, with requests whose fields are added, doubled, changed and taken away.
func FuzzPlainFields(f *testing.F) {
	for _, seed := range plaintest.Mended {
		f.Add(seed)
	}
	srv, parser := plainServer()
	f.Fuzz(func(t *testing.T, choices []byte) {
		c := plaintest.Choices(choices)
		b := []byte(c.Request())
		if r, verdict := parsePlain(parser, b, false); verdict == plainhttp.Plain {
			checkPlain(t, srv, b, r)
		}
	})
}

// What a request costs until it reaches its session, or there is an opening for one.
func BenchmarkPlainRequest(b *testing.B) {
	srv, parser := plainServer()
	peer := netip.MustParseAddrPort("192.0.2.1:5")
	for _, bm := range []struct{ name, request string }{
		{"poll", pollRequest},
		{"POST", postRequest},
		{"opening", handshakeRequest},
		{"opening by polling", strings.Replace(pollRequest, "&sid=x", "", 1)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			request := []byte(bm.request)
			b.ReportAllocs()
			for b.Loop() {
				r, verdict := parsePlain(parser, request, false)
				if verdict != plainhttp.Plain {
					b.Fatal("not taken for a plain request")
				}
				if r.query.sid == "" {
					plainOpening(&r, srv.clientOf(peer, r.ForwardedFor), nil)
				}
			}
		})
	}
}
