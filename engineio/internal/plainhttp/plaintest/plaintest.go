// Package plaintest makes requests for fuzz targets: those of the protocol, with fields added, doubled, changed and
// taken away. A fuzzer that changes bytes seldom gets to two fields of one name, which is where readers of requests
// differ.
package plaintest

import (
	"slices"
	"strings"
)

// Choices are the bytes of a fuzzer's input, each of which decides one thing. There is always a next: it is 0 at the
// end.
type Choices []byte

// Next is a number below n.
func (c *Choices) Next(n int) int {
	if len(*c) == 0 {
		return 0
	}
	b := (*c)[0]
	*c = (*c)[1:]
	return int(b) % n
}

// The requests that are changed. SID stands for the id of a session.
const (
	SID = "sidsidsidsidsidsidsi"

	open = "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip, br\r\n\r\n"
	poll = "GET /engine.io/?EIO=4&transport=polling&sid=" + SID + " HTTP/1.1\r\nHost: h\r\n" +
		"Connection: keep-alive\r\n\r\n"
	unknown = "GET /engine.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: h\r\n\r\n"
	post    = "POST /engine.io/?EIO=4&transport=polling&sid=" + SID + " HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" +
		"Content-Type: text/plain;charset=UTF-8\r\n\r\n42[1]"
	upgrade = "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n" +
		"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	page = "GET /engine.io/?EIO=4&transport=polling&sid=" + SID + " HTTP/1.1\r\nHost: h\r\n" +
		"Origin: https://a.example\r\n\r\n"
	preflight = "OPTIONS /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\n" +
		"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-a\r\n\r\n"
	stranger = "POST /engine.io/?EIO=4&transport=polling&sid=" + SID + " HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" +
		"Origin: https://evil.example\r\n\r\n42[1]"
)

// Requests are those that are changed.
var Requests = []string{post, upgrade, open, unknown, poll, page, preflight, stranger}

var names = []string{
	"Host", "Content-Length", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Upgrade", "Connection",
	"Transfer-Encoding",
	"Content-Type", "Accept-Encoding", "Expect", "Origin", "Pragma", "Cache-Control", "X-Forwarded-For", "Cookie",
	"host",
	"CONTENT-LENGTH", "Host ", " Host", "X", "",
	"Sec-WebSocket-Extensions", "Access-Control-Request-Headers", "X_y.z", "origin", "X-Refuse",
}

var values = []string{
	"", "-0", "dGhlIHNhbXBsZSBub25jZQ==", "h", "0", "5", "+5", "05", "4", "6", "5, 5", "5\r\n", "0x5", "h:80", "a@b",
	"a b",
	"websocket", "WebSocket", "h2c", "Upgrade", "upgrade, close", "keep-alive", "close", "chunked", "identity", "13",
	"8",
	"013", "gzip", "gzip;q=0", "text/plain", "application/octet-stream", "100-continue", "\x00", "\xff", "no-cache",
	"\t",
	"198.51.100.1",
	"https://a.example", "https://b.pattern.example", "https://asked.example", "https://evil.example", "http://h",
	"null", "permessage-deflate", "permessage-deflate; client_max_window_bits; server_no_context_takeover",
	"permessage-deflate; server_max_window_bits=9", "\xc3\xa9", "clo\u017fe", "203.0.113.7, 127.0.0.1", "a_b:80",
}

// Mended are choices of requests that were once taken for plain, and that net/http refuses: a Content-Length of -0, and
// an empty Host or Sec-WebSocket-Key before a good one.
var Mended = [][]byte{{0, 1, 1, 1, 0, 1}, {4, 1, 0, 0, 0, 0}, {1, 1, 2, 0, 0, 0}}

// Request makes a request. A third of them are left as they are.
func (c *Choices) Request() string {
	head, body, _ := strings.Cut(Requests[c.Next(len(Requests))], "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for n := c.Next(3); n > 0; n-- {
		name := names[c.Next(len(names))]
		line := name + ": " + values[c.Next(len(values))]
		same := slices.IndexFunc(lines, func(l string) bool {
			return strings.HasPrefix(strings.ToLower(l), strings.ToLower(name)+":")
		})
		switch at := 1 + c.Next(len(lines)); c.Next(4) {
		case 0: // before the one of that name
			if same < 0 {
				same = at
			}
			lines = slices.Insert(lines, same, line)
		case 1: // in its place
			if same < 0 {
				lines = append(lines, line)
			} else {
				lines[same] = line
			}
		case 2:
			lines = slices.Insert(lines, at, line)
		default:
			if same > 0 {
				lines = slices.Delete(lines, same, same+1)
			}
		}
	}
	lineEnd := "\r\n"
	if c.Next(16) == 15 {
		lineEnd = "\n"
	}
	return strings.Join(lines, lineEnd) + lineEnd + lineEnd + body
}
