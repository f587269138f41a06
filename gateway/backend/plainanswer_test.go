package backend

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// What readPlain takes, net/http reads the same; what it does not, it leaves whole.
func FuzzPlainAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}",
		"HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n", "HTTP/1.1 200\r\ncontent-length:0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nA: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}", "HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 \n\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{}", "HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\n{}",
	} {
		f.Add([]byte(seed))
	}
	const most = 1000
	f.Fuzz(func(t *testing.T, text []byte) {
		c := new(connection)
		c.limit = io.LimitedReader{R: bytes.NewReader(text), N: maxHeader}
		c.in = bufio.NewReaderSize(&c.limit, readBuffer)
		got, plain, gotErr := c.readPlain(most)
		if !plain {
			c.limit.N = int64(len(text))
			if left, err := io.ReadAll(c.in); err != nil || !bytes.Equal(left, text) {
				t.Fatalf("%q: %q is left, %v", text, left, err)
			}
			return
		}
		answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil {
			t.Fatalf("%q: net/http says %v", text, err)
		}
		body, err := readBody(answer, most)
		if (err == nil) != (gotErr == nil) {
			t.Fatalf("%q: got %v, net/http says %v", text, gotErr, err)
		}
		if err != nil {
			return
		}
		if got.status != answer.StatusCode || string(got.body) != string(body) || answer.Close ||
			got.contentType != strings.Trim(answer.Header.Get("Content-Type"), " \t") {
			t.Fatalf("%q: got %+v, net/http says %v %s", text, got, answer, body)
		}
	})
}
