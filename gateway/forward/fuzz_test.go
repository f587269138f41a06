package forward

// What strangers put into marks and session ids.

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzMarks has requests come with marks and ids. Only a mark with this node's key changes whose request it is, and
// what another node forwards comes from whom it came.
func FuzzMarks(f *testing.F) {
	quiet := Options{Address: func() string { return "" }, Logger: slog.New(slog.DiscardHandler)}
	n, other := New(quiet), New(quiet)
	n.directory.down = true // nobody else is known, and nobody can be asked
	f.Cleanup(func() { _, _ = n.Close(f.Context()), other.Close(f.Context()) })
	id := strings.Repeat("x", idLength)
	for _, mark := range []string{"", " ", "k", "k 198.51.100.1:1", " 198.51.100.1:1", "k  x", "K 1"} {
		f.Add(id, mark, "192.0.2.1:5", "GET")
		f.Add(id[:idLength-1]+"/", mark, "[::1]:5", "OPTIONS")
	}
	f.Fuzz(func(t *testing.T, sid, mark, remote, method string) {
		if tag := tagOf(sid); tag != "" && (len(sid) != idLength || !strings.HasPrefix(sid, tag)) {
			t.Fatalf("%q has the tag %q", sid, tag)
		}
		mark = strings.ReplaceAll(mark, "k", n.key)
		key, client, marked := strings.Cut(mark, " ")
		for _, marks := range [][]string{nil, {mark}, {mark, mark}} {
			r := &http.Request{
				Method: method, RemoteAddr: remote, Header: http.Header{},
				URL: &url.URL{Path: n.opts.Path, RawQuery: url.Values{"sid": {sid}}.Encode()},
			}
			if marks != nil {
				r.Header[ForwardedHeader] = marks
			}
			var served []*http.Request
			answer := httptest.NewRecorder()
			n.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { served = append(served, r) })).
				ServeHTTP(answer, r)
			genuine := len(marks) == 1 && key == n.key
			if question := genuine && !marked; question != (len(served) == 0) || len(served) > 1 {
				t.Fatalf("marks %q: served %d times", marks, len(served))
			}
			if signed := answer.Header().Get(nodeHeader) != ""; signed != genuine {
				t.Fatalf("marks %q: signed %v", marks, signed)
			}
			if len(served) == 0 {
				continue
			}
			from := remote
			if genuine {
				from = client
			}
			if r := served[0]; r.RemoteAddr != from || len(r.Header[ForwardedHeader]) > 0 {
				t.Fatalf("marks %q: it comes from %q with %q, want %q", marks, r.RemoteAddr, r.Header, from)
			}
		}
		// What another node forwards to this one.
		in := &http.Request{Method: method, RemoteAddr: remote, Header: http.Header{}, URL: &url.URL{Path: n.opts.Path}}
		out := in.Clone(t.Context())
		to := &owner{Record: Record{Address: "h:1", Key: n.key}, tag: n.tag}
		other.rewrite(out, &proxiedRequest{owner: to, in: in})
		out.RemoteAddr = "192.0.2.99:1"
		if n.receive(httptest.NewRecorder(), out, out.Header[ForwardedHeader]) || out.RemoteAddr != remote {
			t.Fatalf("from %q it comes as %q", remote, out.RemoteAddr)
		}
	})
}
