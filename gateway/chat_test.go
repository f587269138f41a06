package gateway

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// A pollingClient speaks Socket.IO over long-polling, packet by packet, with nothing between the test and the wire.
type pollingClient struct {
	t    *testing.T
	url  string
	id   string   // of the socket
	left []string // packets received and not yet asked for
	http *http.Client
}

// open opens a session that has joined no namespace.
func open(t *testing.T, n *node) *pollingClient {
	t.Helper()
	transport := &http.Transport{}
	c := &pollingClient{
		t: t, url: "http://" + n.addr + "/socket.io/?EIO=4&transport=polling",
		http: &http.Client{Transport: transport, Timeout: patience},
	}
	_, sid, _ := strings.Cut(c.receive(1)[0], `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	c.url += "&sid=" + sid
	t.Cleanup(func() {
		// Leaving, because a gateway that stops waits for its clients. The session may be over already.
		if response, err := c.http.Post(c.url, "text/plain", strings.NewReader("1")); err == nil {
			response.Body.Close()
		}
		transport.CloseIdleConnections()
	})
	return c
}

// connect opens a session and joins the namespace /.
func connect(t *testing.T, n *node) *pollingClient {
	t.Helper()
	c := open(t, n)
	c.send("40")
	_, c.id, _ = strings.Cut(c.receive(1)[0], `40{"sid":"`)
	c.id = strings.TrimSuffix(c.id, `"}`)
	return c
}

func (c *pollingClient) send(packets ...string) {
	c.t.Helper()
	response, err := c.http.Post(c.url, "text/plain;charset=UTF-8", strings.NewReader(strings.Join(packets, "\x1e")))
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "ok" {
		c.t.Fatalf("post %q: %d %q, %v", packets, response.StatusCode, body, err)
	}
}

// poll waits for the next payload.
func (c *pollingClient) poll() ([]string, error) {
	response, err := c.http.Get(c.url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return strings.Split(string(body), "\x1e"), err
}

// receive returns the next count packets.
func (c *pollingClient) receive(count int) []string {
	c.t.Helper()
	for len(c.left) < count {
		packets, err := c.poll()
		if err != nil {
			c.t.Fatal(err)
		}
		c.left = append(c.left, packets...)
	}
	got := c.left[:count]
	c.left = c.left[count:]
	return got
}

// nothingElse checks that nothing came but what was received: an answer to a further event is the next packet.
func (c *pollingClient) nothingElse() {
	c.t.Helper()
	c.register()
}

func (c *pollingClient) register() {
	c.t.Helper()
	c.send(`42["registrar"]`)
	if got := c.receive(1)[0]; got != `42["registrado",{"room":"roomChatTest"}]` {
		c.t.Errorf("registrar: got %s", got)
	}
}

// Every line is one that the Nest service was recorded with, or PARITY.md states. HOST stands for the hostname.
func TestMessages(t *testing.T) {
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	n := start(t)
	c := connect(t, n)
	c.register()
	tests := []struct {
		send []string
		want []string
	}{
		{[]string{`42["registrar",{"any":1},2]`}, []string{`42["registrado",{"room":"roomChatTest"}]`}},
		{[]string{`427["registrar"]`}, []string{`42["registrado",{"room":"roomChatTest"}]`}},
		{[]string{`42["messages",{"nickname":"Ana","message":"oi"}]`}, []string{`42["messages",{"nickname":"Ana","message":"oi","server":"HOST"}]`}},
		{[]string{`428["messages",{"message":"oi","nickname":"Ana"}]`}, []string{`42["messages",{"nickname":"Ana","message":"oi","server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":"a","message":"b","server":"x","y":1}]`}, []string{`42["messages",{"nickname":"a","message":"b","server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":"Ana"}]`}, []string{`42["messages",{"nickname":"Ana","server":"HOST"}]`}},
		{[]string{`42["messages",{"message":"oi"}]`}, []string{`42["messages",{"message":"oi","server":"HOST"}]`}},
		{[]string{`42["messages",{"Nickname":"a","MESSAGE":"b"}]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":"a","nickname":"b"}]`}, []string{`42["messages",{"nickname":"b","server":"HOST"}]`}},
		{[]string{`42["messages",{"nick\u006eame":"a"}]`}, []string{`42["messages",{"nickname":"a","server":"HOST"}]`}},
		{[]string{`42["messages",{"__proto__":{"nickname":"a"}}]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":null,"message":false}]`}, []string{`42["messages",{"nickname":null,"message":false,"server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":123456789012345678901,"message":1.50}]`}, []string{`42["messages",{"nickname":123456789012345678901,"message":1.50,"server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":{"a":[1,{"b":"<b>&\u2028"}]},"message":"<b>&` + "\u2028" + `\ud800\u0000"}]`},
			[]string{`42["messages",{"nickname":{"a":[1,{"b":"<b>&\u2028"}]},"message":"<b>&` + "\u2028" + `\ud800\u0000","server":"HOST"}]`}},
		{[]string{`42["messages",{}]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",[]]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",[{"nickname":"a"}]]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages","text"]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",""]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",0]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",true]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",false]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":"a"},{"nickname":"b"}]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",null,{"nickname":"b"}]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",null]`}, []string{`42["exception",{"status":"error","message":"Internal server error","cause":{"pattern":"messages","data":null}}]`}},
		{[]string{`429["messages",null]`}, []string{`42["exception",{"status":"error","message":"Internal server error","cause":{"pattern":"messages","data":null}}]`}},
		{[]string{`42["messages"]`}, []string{`42["exception",{"status":"error","message":"Internal server error","cause":{"pattern":"messages"}}]`}},
		{[]string{`451-["messages",{"nickname":"a","message":{"_placeholder":true,"num":0}}]`, "bAQIDBA=="},
			[]string{`451-["messages",{"nickname":"a","message":{"_placeholder":true,"num":0},"server":"HOST"}]`, "bAQIDBA=="}},
		// The attachment of a field that is dropped is dropped with it, and the other one renumbered.
		{[]string{`452-["messages",{"x":{"_placeholder":true,"num":0},"message":[{"_placeholder":true,"num":1}]}]`, "bAQ==", "bAg=="},
			[]string{`451-["messages",{"message":[{"_placeholder":true,"num":0}],"server":"HOST"}]`, "bAg=="}},
		{[]string{`451-["messages",{"_placeholder":true,"num":0}]`, "bAQ=="}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["other",{"nickname":"a"}]`}, nil},
		{[]string{`421["other"]`}, nil},
	}
	for _, test := range tests {
		c.send(test.send...)
		got := c.receive(len(test.want))
		for i := range test.want {
			test.want[i] = strings.ReplaceAll(test.want[i], "HOST", hostname)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s\n got  %s\n want %s", test.send, got, test.want)
		}
		c.nothingElse()
	}
}

func TestRoomHearsRegisteredSendersOnce(t *testing.T) {
	n := start(t)
	member, sender, stranger := connect(t, n), connect(t, n), connect(t, n)
	member.register()

	// A sender that has not registered hears itself, and nobody else does.
	sender.send(`42["messages",{"message":"alone"}]`)
	if got := sender.receive(1)[0]; !strings.Contains(got, `"alone"`) {
		t.Errorf("the sender got %s", got)
	}
	sender.register()
	sender.send(`42["messages",{"message":"to all"}]`)
	for _, c := range []*pollingClient{member, sender} {
		if got := c.receive(1)[0]; !strings.Contains(got, `"to all"`) {
			t.Errorf("got %s", got)
		}
	}
	member.nothingElse()
	sender.nothingElse()
	stranger.nothingElse()
}

func TestChatIsLogged(t *testing.T) {
	n := start(t, "LOG_LEVEL", "debug")
	c := connect(t, n)
	c.register()
	c.send(`42["messages",{"nickname":"Ana","message":"oi"}]`)
	c.receive(1)
	for _, msg := range []string{"client connected", "client registered", "message received"} {
		lines := n.log.find(t, msg)
		if len(lines) != 1 || lines[0]["id"] != c.id {
			t.Errorf("%q of %s: got %v", msg, c.id, lines)
		}
	}
	if lines := n.log.find(t, "client registered"); len(lines) == 1 && lines[0]["room"] != "roomChatTest" {
		t.Errorf("got %v", lines[0])
	}
	if lines := n.log.find(t, "message received"); len(lines) == 1 {
		rooms, _ := lines[0]["rooms"].([]any)
		if lines[0]["level"] != "DEBUG" || lines[0]["nickname"] != `"Ana"` || lines[0]["message"] != `"oi"` || len(rooms) != 2 {
			t.Errorf("got %v", lines[0])
		}
	}
}

func TestPersonalDataIsLoggedAtDebugOnly(t *testing.T) {
	n := start(t, "NODE_ENV", "production", "SHUTDOWN_TIMEOUT", "100ms") // nobody polls when it stops
	c := connect(t, n)
	c.register()
	c.send(`42["messages",{"nickname":"Confidential","message":"Confidential"}]`, `42["messages","Confidential"]`, `42["Confidential",1]`)
	c.receive(2)
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	for _, line := range n.log.lines(t) {
		if line["level"] == "DEBUG" || line["id"] == c.id {
			t.Errorf("a line about a client: %v", line)
		}
		for _, value := range line {
			if text, isText := value.(string); isText && strings.Contains(text, "Confidential") {
				t.Errorf("personal data at level %v: %v", line["level"], line)
			}
		}
	}
}

func TestOversizedMessageIsRefused(t *testing.T) {
	n := start(t, "MAX_PAYLOAD", "1000")
	c := connect(t, n)
	response, err := c.http.Post(c.url, "text/plain", strings.NewReader(strings.Repeat("x", 1001)))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", response.StatusCode)
	}
}

func TestLongTextsAreCutInTheLog(t *testing.T) {
	n := start(t)
	c := connect(t, n)
	c.send(`42["messages",{"message":"` + strings.Repeat("x", 10*maxLoggedText) + `"}]`)
	c.receive(1)
	if lines := n.log.find(t, "message received"); len(lines) != 1 || len(lines[0]["message"].(string)) > maxLoggedText+len("…") {
		t.Errorf("got %d lines", len(lines))
	}
}

// The settings reach the protocol: a client that does not answer its heartbeat is gone after the two times that are set.
func TestHeartbeatIsConfigured(t *testing.T) {
	n := start(t, "PING_INTERVAL", "50", "PING_TIMEOUT", "50ms")
	c := open(t, n)
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		packets, err := c.poll()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(packets[0], "Session ID unknown") {
			return
		}
	}
	t.Error("the session lives on")
}
