package test

// Clients of Socket.IO 2, byte for byte: the same requests and frames go to Node's server and to ours, and the
// transcripts are compared.

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/brunossouza/websocket-escalonavel/test/wire"
)

func TestOldProtocol(t *testing.T) {
	t.Parallel()
	if !wants("nest") || !wants("gateway") {
		t.Skip("it compares both targets")
	}
	node := startFixture(t, "nest", "ALLOW_EIO3=1")
	for name, ours := range map[string]*target{
		"net/http":      startFixture(t, "gateway", "ALLOW_EIO3=1"),
		"fast listener": startFixture(t, "gateway", "ALLOW_EIO3=1", "FAST=1"),
	} {
		for script, run := range oldScripts {
			t.Run(name+"/"+script, func(t *testing.T) {
				want, got := transcript(t, node.addr, run), transcript(t, ours.addr, run)
				for i := range max(len(want), len(got)) {
					if i >= len(want) || i >= len(got) || want[i] != got[i] {
						t.Fatalf("step %d: ours:\n%q\nNode's:\n%q", i, around(got, i), around(want, i))
					}
				}
			})
		}
	}
}

// around are the steps about step i.
func around(steps []string, i int) []string {
	return steps[max(0, min(i-1, len(steps))):min(i+2, len(steps))]
}

// An oldSession is one of a polling client. What the server says is written down.
type oldSession struct {
	t    *testing.T
	addr string
	url  string
	said []string
}

func transcript(t *testing.T, addr string, run func(*oldSession)) []string {
	s := &oldSession{t: t, addr: addr}
	run(s)
	if len(s.said) == 0 {
		t.Fatal("nothing was said")
	}
	return s.said
}

// payload3 is a payload with these packets.
func payload3(packets ...string) string {
	var b strings.Builder
	for _, p := range packets {
		fmt.Fprintf(&b, "%d:%s", len(utf16.Encode([]rune(p))), p)
	}
	return b.String()
}

// open opens a session, and connects to the main namespace, which the server does by itself.
func (s *oldSession) open(query string) {
	s.t.Helper()
	s.url = "/socket.io/?transport=polling" + query
	r := s.do("GET", "", "")
	_, rest, _ := strings.Cut(string(r.Body), "sid")
	sid := strings.Trim(rest[:min(len(rest), 26)], `\":,`)
	s.url += "&sid=" + sid
	text := strings.ReplaceAll(string(r.Body), sid, "SID")
	greeting, connected := strings.CutSuffix(strings.TrimSuffix(text, `");`), "2:40")
	s.say(r.Code, r.Get("Content-Type"), r.Get("Cache-Control"), greeting)
	if !connected { // with Node's server it is in the next answer
		s.do("GET", "", "")
	}
}

func (s *oldSession) say(what ...any) { s.said = append(s.said, fmt.Sprint(what...)) }

func (s *oldSession) do(method, contentType, body string) *wire.Response {
	s.t.Helper()
	r := wire.Request{Method: method, Target: s.url, Body: body, HasBody: method == "POST"}
	if contentType != "" {
		r.Headers = []wire.Header{{Name: "Content-Type", Value: contentType}}
	}
	response, err := wire.Do(s.addr, r, patience)
	if err != nil {
		s.t.Fatalf("%s %s %q: %v", method, s.url, body, err)
	}
	return response
}

// post sends packets; get writes down answers up to one that ends in a text.
func (s *oldSession) post(contentType, body string) {
	s.t.Helper()
	r := s.do("POST", contentType, body)
	s.say("POST ", r.Code, r.Get("Content-Type"), r.Get("Cache-Control"), string(r.Body))
}

func (s *oldSession) get(end string) {
	s.t.Helper()
	for all := ""; ; {
		r := s.do("GET", "", "")
		all += string(r.Body)
		if strings.HasSuffix(all, end) || r.Code != 200 {
			s.say("GET ", r.Code, r.Get("Content-Type"), r.Get("Cache-Control"), all)
			return
		}
	}
}

const octets = "application/octet-stream"

var oldScripts = map[string]func(*oldSession){
	"polling": func(s *oldSession) { s.open("&EIO=3"); s.talk() },
	"base64":  func(s *oldSession) { s.open("&EIO=3&b64=1"); s.talk() },
	"without a revision": func(s *oldSession) {
		for _, query := range []string{"", "&EIO=2", "&EIO=5", "&EIO=3&b64="} {
			s.open(query)
			s.post("", payload3(`420["echo","é"]`))
			s.get("]")
		}
	},
	"errors": func(s *oldSession) {
		for _, bad := range []string{"", "x", "1", ":2", "1:", "5:4ab", "1:9", "1:2x", "1:3", "-1:2", "x:2"} {
			s.open("&EIO=3")
			s.post("text/plain;charset=UTF-8", bad)
			s.get("")
		}
		for _, bad := range []string{
			"\x00\x02\xff4\xe9", "\x00\x01\xff9", "\x00" + strings.Repeat("\x01", 400) + "\xff2",
		} {
			s.open("&EIO=3")
			s.post(octets, bad)
			s.get("")
		}
		for _, packet := range []string{"40", "44", `42/nowhere,["echo"]`, "4x", `42["echo"`} {
			s.open("&EIO=3")
			s.post("", payload3(packet))
			s.get("1:1")
			s.get("")
		}
		s.open("&EIO=3")
		s.url = strings.Replace(s.url, "EIO=3", "EIO=4", 1)
		s.get("")
		s.post("", "4")
	},
	"namespaces": func(s *oldSession) {
		s.open("&EIO=3")
		for _, c := range [][2]string{
			{`40/guarded?token=secret&x=1,`, `["welcome"]`},
			{`42/guarded?y,["forbidden"]`, `["refused","forbidden event"]`},
			{`41/guarded`, ""}, {`40/guarded?token=wrong`, `}`}, {`40/guarded`, `}`}, {`40/nowhere?x=1,`, `}`},
			{`40/dynamic-12,`, `["name","/dynamic-12"]`},
		} {
			s.post("", payload3(c[0]))
			if c[1] != "" {
				s.get(c[1])
			}
		}
	},
	"ends": func(s *oldSession) {
		for _, close := range []string{"false", "true"} {
			s.open("&EIO=3")
			s.post("", payload3(`42["leave me",`+close+`]`))
			s.get(map[string]string{"false": "41", "true": "1:1"}[close])
		}
		s.open("&EIO=3")
		polled := make(chan *wire.Response)
		go func() {
			r, _ := wire.Get(s.addr, s.url, patience)
			polled <- r
		}()
		time.Sleep(100 * time.Millisecond)
		s.post("", "1:1")
		s.say("GET ", string((<-polled).Body))
		s.get("")
	},
	"jsonp": func(s *oldSession) {
		s.open("&EIO=3&b64=1&j=12")
		form := func(payload string) {
			s.post("application/x-www-form-urlencoded", "d="+url.QueryEscape(payload))
		}
		form(payload3("420[\"echo\",\"é\u2028<>🚀\"]"))
		s.get(";")
		form(strings.ReplaceAll(payload3("421[\"echo\",\n1]"), "\n", `\n`))
		s.get(";")
		form(strings.ReplaceAll(payload3(`422["echo","a\nb"]`), `\n`, `\\n`))
		s.get(";")
		form(payload3(`451-3["echo",{"_placeholder":true,"num":0}]`, "b4AQIDBA=="))
		s.get(";")
	},
	"websocket": func(s *oldSession) {
		for _, query := range []string{"&EIO=3", "&EIO=3&b64=1", ""} {
			ws := s.dial("/socket.io/?transport=websocket" + query)
			s.frames(ws, 2) // the greeting, and the main namespace
			ws.SendText("2")
			ws.SendText(`420["echo","é🚀"]`)
			s.frames(ws, 2)
			ws.SendText(`451-1["echo",{"_placeholder":true,"num":0}]`)
			ws.Send(wire.Frame{Opcode: wire.Binary, Payload: []byte{4, 0, 255}})
			s.frames(ws, 2)
			ws.SendText(`451-2["echo",{"_placeholder":true,"num":0}]`)
			ws.SendText("b4" + base64.StdEncoding.EncodeToString([]byte{7, 8}))
			s.frames(ws, 2)
			ws.SendText("2probe")
			s.frames(ws, 1)
			ws.Send(wire.Frame{Opcode: wire.Binary, Payload: []byte{2}})
			s.frames(ws, 1)
			ws.Send(wire.Frame{Opcode: wire.Binary, Payload: []byte{77}}) // says nothing
			ws.SendText("4" + `0/dynamic-1?a=1,`)
			s.frames(ws, 2)
			ws.SendText(`42["leave me",true]`)
			s.frames(ws, 3)
			ws.Close()
		}
		for _, bad := range []string{"3", "9", "", "x"} {
			ws := s.dial("/socket.io/?transport=websocket&EIO=3")
			s.frames(ws, 2)
			ws.SendText(bad)
			s.frames(ws, 1)
			ws.Close()
		}
	},
	"upgrade": func(s *oldSession) {
		s.open("&EIO=3")
		ws := s.dial(strings.Replace(s.url, "polling", "websocket", 1))
		defer ws.Close()
		polled := make(chan *wire.Response)
		go func() {
			r, _ := wire.Get(s.addr, s.url, patience)
			polled <- r
		}()
		time.Sleep(100 * time.Millisecond)
		ws.SendText("2probe")
		s.frames(ws, 1)
		s.say("GET ", string((<-polled).Body))
		ws.SendText("5")
		ws.SendText(`451-1["echo",{"_placeholder":true,"num":0}]`)
		ws.Send(wire.Frame{Opcode: wire.Binary, Payload: []byte{4, 0, 255}})
		s.frames(ws, 2)
		ws.SendText("2")
		s.frames(ws, 1)
		s.get("")
	},
}

// talk has messages of all kinds go both ways by polling.
func (s *oldSession) talk() {
	s.post("text/plain;charset=UTF-8", payload3("420[\"echo\",\"é\u2028 🚀\"]", `421["echo",1]`))
	s.get(`431[1]`)
	s.post("", payload3("2probe"))
	s.get("3")
	s.post("", "0:"+payload3("2"))
	s.get("3")
	s.post("", payload3(`451-2["echo",{"_placeholder":true,"num":0}]`, "b4AQIDBA=="))
	s.get(s.binaryEnd("b4AQIDBA==", "\x04\x01\x02\x03\x04"))
	event := `452-3["echo","é🚀",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	var body []byte
	for _, p := range []struct {
		kind byte
		data string
	}{{0, event}, {1, "\x04"}, {1, "\x04\x01\x02"}} {
		body = append(body, p.kind)
		for _, digit := range fmt.Sprint(len(p.data)) {
			body = append(body, byte(digit-'0'))
		}
		body = append(append(body, 255), p.data...)
	}
	s.post(octets, string(body))
	s.get(s.binaryEnd("b4AQI=", "\x04\x01\x02"))
}

// binaryEnd is how an answer ends: in the first way where the client takes nothing binary.
func (s *oldSession) binaryEnd(text, binary string) string {
	if strings.Contains(s.url, "b64=1") {
		return text
	}
	return binary
}

func (s *oldSession) dial(target string) *wire.WebSocket {
	s.t.Helper()
	ws, err := wire.DialWebSocket(s.addr, target)
	if err != nil {
		s.t.Fatal(err)
	}
	return ws
}

// frames writes down so many frames.
func (s *oldSession) frames(ws *wire.WebSocket, n int) {
	s.t.Helper()
	for range n {
		ws.SetReadDeadline(time.Now().Add(patience))
		f, err := ws.ReadFrame()
		if err != nil {
			s.say(err)
			return
		}
		text := string(f.Payload)
		if strings.HasPrefix(text, "0{") {
			_, rest, _ := strings.Cut(text, `"sid":"`)
			sid, _, _ := strings.Cut(rest, `"`)
			text = strings.ReplaceAll(text, sid, "SID")
		}
		s.say(f.Opcode, text)
	}
}
