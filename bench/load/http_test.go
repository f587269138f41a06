package load

import (
	"strings"
	"testing"
)

func TestResponsesAreReadHoweverReadsCutThem(t *testing.T) {
	stream := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello" +
		"HTTP/1.1 400 Bad Request\r\ntransfer-encoding: CHUNKED\r\n\r\n" +
		"4;x=y\r\nWiki\r\n10\r\n0123456789\r\nabcd\r\n0\r\nTrailer: 1\r\n\r\n" +
		"HTTP/1.1 204 No Content\r\n\r\n" +
		"HTTP/1.1 200 OK\r\ncontent-length:0\r\nconnection: Close\r\n\r\n"
	want := []struct {
		status int
		body   string
		close  bool
	}{{200, "hello", false}, {400, "Wiki0123456789\r\nabcd", false}, {204, "", false}, {200, "", true}}
	for size := 1; size <= len(stream); size++ {
		var r responseReader
		count := 0
		for rest := stream; len(rest) > 0; {
			piece := []byte(rest[:min(size, len(rest))])
			rest = rest[len(piece):]
			for len(piece) > 0 {
				body, after, complete, err := r.feed(piece)
				if err != nil {
					t.Fatalf("reads of %d, response %d: %v", size, count, err)
				}
				if !complete {
					break
				}
				if count >= len(want) {
					t.Fatalf("reads of %d: more than %d responses", size, len(want))
				}
				if w := want[count]; r.status != w.status || string(body) != w.body || r.close != w.close {
					t.Fatalf("reads of %d, response %d: %d %q, close %v", size, count, r.status, body, r.close)
				}
				count++
				piece = after
			}
		}
		if count != len(want) {
			t.Errorf("reads of %d: %d responses", size, count)
		}
	}
}

func TestResponsesThatCannotBeReadAreErrors(t *testing.T) {
	for name, response := range map[string]string{
		"another protocol":   "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"no status":          "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
		"no length":          "HTTP/1.1 200 OK\r\n\r\n",
		"negative length":    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"huge length":        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
		"compressed":         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Encoding: gzip\r\n\r\n",
		"another encoding":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"endless header":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxResponseHeader),
		"a chunk of no size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"a chunk too long":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
		"an endless chunk line": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" +
			strings.Repeat("x", 2*maxResponseHeader),
	} {
		var r responseReader
		if _, _, complete, err := r.feed([]byte(response)); err == nil {
			t.Errorf("%s: no error, complete %v", name, complete)
		}
	}
}
