package abuse

// Malformed HTTP, handshakes and polling requests.

import (
	"fmt"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

func badHTTP(a *attacker) {
	path := a.pick("/", wire.NewPolling, wire.NewSocket, a.session())
	a.say([]byte(a.pick(
		string(a.noise(200)),
		"GET\r\n\r\n",
		"GET "+path+"\r\n\r\n",
		"GET "+path+" HTTP/9.9\r\nHost: x\r\n\r\n",
		"GET "+path+" HTTP/1.1\r\n\r\n",
		"\r\n\r\n\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"+string(a.noise(100)), // TLS
		"GET "+path+" HTTP/1.1\r\nHost: x\r\n"+string(a.noise(50))+"\r\n\r\n",
		"GET "+path+" HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("y", 100_000)+"\r\n\r\n",
		"GET "+path+strings.Repeat("z", 50_000)+" HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n40",
		"POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n40",
		"POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n40",
		"POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n40",
		"POST "+path+" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n40",
		"POST "+path+" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n40\r\n0\r\n\r\n",
		"POST "+path+" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n40",
		"BREW "+path+" HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://other/socket.io/?EIO=4 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /socket.io/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
	)))
}

func badHandshake(a *attacker) {
	target := fmt.Sprintf("/socket.io/%s?EIO=%s&transport=%s&sid=%s&%s",
		a.pick("", "x", "socket.io.js/", "..", "%2e%2e/", "%zz"),
		a.pick("4", "3", "5", "", "4&EIO=4", "%34", "NaN", strings.Repeat("4", 1000)),
		a.pick("polling", "websocket", "webtransport", "__proto__", "constructor", "",
			"polling&transport=websocket", "%00"),
		a.pick("", "x", "..", "__proto__", "%00", "%F0%9F", strings.Repeat("s", 5000), "AAAAAAAAAAAAAAAAAAAA"),
		a.pick("", "j=0", "b64=1", "t="+strings.Repeat("t", 3000), "&&&===", "%"))
	request := wire.Request{Method: a.pick("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"), Target: target}
	if a.IntN(2) == 0 {
		request.Body = string(a.noise(100))
	}
	a.say(request.Bytes())
}

func badUpgradeRequest(a *attacker) {
	request := wire.UpgradeRequest(a.pick(
		wire.NewSocket, wire.NewPolling, "/", "/foo",
		"/socket.io/?EIO=3&transport=websocket", wire.NewSocket+"&sid=nope"))
	values := []string{
		a.pick("Upgrade", "keep-alive", "close", ""),
		a.pick("websocket", "h2c", "WebSocket, foo", "\x80"),
		a.pick(request.Headers[2].Value, "short", "", strings.Repeat("k", 9000), "!!!!!!!!!!!!!!!!!!!!!!=="),
		a.pick("13", "8", "12", "", "13, 8", "-1"),
	}
	for i, value := range values {
		request.Headers[i].Value = value
	}
	request.Headers = append(request.Headers,
		wire.Header{
			Name:  "Sec-WebSocket-Extensions",
			Value: a.pick("permessage-deflate", ";;;", "x; y=\"", strings.Repeat("a,", 2000)),
		},
		wire.Header{Name: "Sec-WebSocket-Protocol", Value: a.pick("foo", ",,,", "\x7f", strings.Repeat("p", 2000))})
	if a.IntN(5) == 0 {
		request.Method = "POST"
	}
	a.say(append(request.Bytes(), a.noise(50)...))
}

// badPayload posts what is not a polling payload.
func badPayload(a *attacker) {
	path := a.session()
	for range a.IntN(3) + 1 {
		body := a.pick(
			"", "7", "abc", "2", "2probe", "5", "b", "b!!!!", "bAQIDBA==",
			"\x1e", "\x1e\x1e\x1e", "4\x1e", "\x1e40", "40\x1eb",
			strings.Repeat("6\x1e", 3000), strings.Repeat("4\x1e", 3000), string(a.noise(300)),
			"1\x1e40", "0{}", "40\x1e40", "9"+string(a.noise(20)))
		request := wire.Request{Method: "POST", Target: path, Body: body, HasBody: true}
		request.Headers = append(request.Headers, wire.Header{Name: "Content-Type", Value: a.pick(
			"text/plain;charset=UTF-8", "application/octet-stream", "application/json", "multipart/form-data",
			"", "\xff",
		)})
		a.say(request.Bytes())
	}
}

// badPolling uses a session as no client does: with several polls and posts at once, some of them cut off.
func badPolling(a *attacker) {
	path := a.session()
	get := wire.Request{Method: "GET", Target: path}.Bytes()
	post := wire.Request{Method: "POST", Target: path, Body: "40"}.Bytes()
	cut := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n40", path)
	large := wire.Request{Method: "POST", Target: path, Body: "4" + strings.Repeat("x", 1_000_001)}.Bytes()
	put := wire.Request{Method: "PUT", Target: path}.Bytes()
	leave := wire.Request{Method: "POST", Target: path, Body: "1"}.Bytes()
	steps := [][]byte{get, post, cut, put, leave}
	if a.IntN(10) == 0 {
		steps = append(steps, large)
	}
	for range a.IntN(4) + 1 {
		c := a.dial()
		if c == nil {
			return
		}
		step := steps[a.IntN(len(steps))]
		c.Write(step)
		switch a.IntN(4) {
		case 0:
			c.Close() // aborted
		case 1:
			c.Write(get) // pipelined
			look(c)
		case 2:
			look(c)
		}
	}
}

// halfOpen sends a part of a request and then nothing more.
func halfOpen(a *attacker) {
	whole := a.pick(
		string(wire.Request{Method: "GET", Target: wire.NewPolling}.Bytes()),
		string(wire.Request{Method: "POST", Target: a.session(), Body: "40"}.Bytes()),
		string(wire.UpgradeRequest(wire.NewSocket).Bytes()))
	c := a.dial()
	if c == nil {
		return
	}
	c.Write([]byte(whole[:a.IntN(len(whole))]))
	time.Sleep(time.Duration(a.IntN(20)) * time.Millisecond)
}
