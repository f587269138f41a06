package chat

import (
	"slices"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/gateway/internal/gatewaytest"
)

// Every answer was recorded from the Nest service, or follows from its code. HOST stands for the hostname.
func TestMessages(t *testing.T) {
	n := start(t)
	c := n.Connect(t)
	register(t, c)
	long := strings.Repeat(`spam <b>&\"\ud800`+"\u2028", longText/10)
	tests := []struct {
		send []string
		want []string
	}{
		{[]string{`42["registrar",{"any":1},2]`}, []string{`42["registrado",{"room":"roomChatTest"}]`}},
		{[]string{`427["registrar"]`}, []string{`42["registrado",{"room":"roomChatTest"}]`}},
		{[]string{`42["messages",{"nickname":"Ana","message":"oi"}]`},
			[]string{`42["messages",{"nickname":"Ana","message":"oi","server":"HOST"}]`}},
		{[]string{`428["messages",{"message":"oi","nickname":"Ana"}]`},
			[]string{`42["messages",{"nickname":"Ana","message":"oi","server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":"a","message":"b","server":"x","y":1}]`},
			[]string{`42["messages",{"nickname":"a","message":"b","server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":"Ana"}]`}, []string{`42["messages",{"nickname":"Ana","server":"HOST"}]`}},
		{[]string{`42["messages",{"message":"oi"}]`}, []string{`42["messages",{"message":"oi","server":"HOST"}]`}},
		{[]string{`42["messages",{"Nickname":"a","MESSAGE":"b"}]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":"a","nickname":"b"}]`},
			[]string{`42["messages",{"nickname":"b","server":"HOST"}]`}},
		{[]string{`42["messages",{"nick\u006eame":"a"}]`}, []string{`42["messages",{"nickname":"a","server":"HOST"}]`}},
		{[]string{`42["messages",{"__proto__":{"nickname":"a"}}]`}, []string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":null,"message":false}]`},
			[]string{`42["messages",{"nickname":null,"message":false,"server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":123456789012345678901,"message":1.50}]`},
			[]string{`42["messages",{"nickname":123456789012345678901,"message":1.50,"server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":{"a":[1,{"b":"<b>&\u2028"}]},"message":"<b>&` + "\u2028" +
			`\ud800\u0000"}]`},
			[]string{`42["messages",{"nickname":{"a":[1,{"b":"<b>&\u2028"}]},"message":"<b>&` + "\u2028" +
				`\ud800\u0000","server":"HOST"}]`}},
		{[]string{`42["messages",{"nickname":"é","message":"` + long + `"}]`},
			[]string{`42["messages",{"nickname":"é","message":"` + long + `","server":"HOST"}]`}},
		{[]string{`42["messages",{"message":"` + long + `"}]`},
			[]string{`42["messages",{"message":"` + long + `","server":"HOST"}]`}},
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
		{[]string{`42["messages",null]`},
			[]string{`42["exception",{"status":"error","message":"Internal server error",` +
				`"cause":{"pattern":"messages","data":null}}]`}},
		{[]string{`429["messages",null]`},
			[]string{`42["exception",{"status":"error","message":"Internal server error",` +
				`"cause":{"pattern":"messages","data":null}}]`}},
		{[]string{`42["messages"]`},
			[]string{`42["exception",{"status":"error","message":"Internal server error",` +
				`"cause":{"pattern":"messages"}}]`}},
		{[]string{`451-["messages",{"nickname":"a","message":{"_placeholder":true,"num":0}}]`, "bAQIDBA=="},
			[]string{`451-["messages",{"nickname":"a","message":{"_placeholder":true,"num":0},"server":"HOST"}]`,
				"bAQIDBA=="}},
		// The attachment of a field that is dropped is dropped with it, and the other one renumbered.
		{[]string{`452-["messages",{"x":{"_placeholder":true,"num":0},"message":[{"_placeholder":true,"num":1}]}]`,
			"bAQ==", "bAg=="},
			[]string{`451-["messages",{"message":[{"_placeholder":true,"num":0}],"server":"HOST"}]`, "bAg=="}},
		{[]string{`451-["messages",{"_placeholder":true,"num":0}]`, "bAQ=="},
			[]string{`42["messages",{"server":"HOST"}]`}},
		{[]string{`42["other",{"nickname":"a"}]`}, nil},
		{[]string{`421["other"]`}, nil},
	}
	for _, test := range tests {
		c.Send(test.send...)
		got := c.Receive(len(test.want))
		for i := range test.want {
			test.want[i] = strings.ReplaceAll(test.want[i], "HOST", hostname(t))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s\n got  %s\n want %s", test.send, got, test.want)
		}
		nothingElse(t, c)
	}
}

func TestRoomHearsRegisteredSendersOnce(t *testing.T) {
	n := start(t)
	member, sender, stranger := n.Connect(t), n.Connect(t), n.Connect(t)
	register(t, member)

	// A sender that has not registered hears itself, and nobody else does.
	sender.Send(`42["messages",{"message":"alone"}]`)
	if got := sender.Receive(1)[0]; !strings.Contains(got, `"alone"`) {
		t.Errorf("the sender got %s", got)
	}
	register(t, sender)
	sender.Send(`42["messages",{"message":"to all"}]`)
	for _, c := range []*gatewaytest.Client{member, sender} {
		if got := c.Receive(1)[0]; !strings.Contains(got, `"to all"`) {
			t.Errorf("got %s", got)
		}
	}
	nothingElse(t, member, sender, stranger)
}

func TestChatIsLogged(t *testing.T) {
	n := start(t, "LOG_LEVEL", "debug")
	c := n.Connect(t)
	register(t, c)
	c.Send(`42["messages",{"nickname":"Ana","message":"oi"}]`)
	c.Receive(1)
	for _, msg := range []string{"client connected", "client registered", "message received"} {
		lines := n.Log.Find(t, msg)
		if len(lines) != 1 || lines[0]["id"] != c.ID {
			t.Errorf("%q of %s: got %v", msg, c.ID, lines)
		}
	}
	if lines := n.Log.Find(t, "client registered"); len(lines) == 1 && lines[0]["room"] != "roomChatTest" {
		t.Errorf("got %v", lines[0])
	}
	if lines := n.Log.Find(t, "message received"); len(lines) == 1 {
		rooms, _ := lines[0]["rooms"].([]any)
		if lines[0]["level"] != "DEBUG" || lines[0]["nickname"] != `"Ana"` || lines[0]["message"] != `"oi"` ||
			len(rooms) != 2 {
			t.Errorf("got %v", lines[0])
		}
	}
}

func TestPersonalDataIsLoggedAtDebugOnly(t *testing.T) {
	n := start(t, "NODE_ENV", "production", "SHUTDOWN_TIMEOUT", "100ms") // nobody polls when it stops
	c := n.Connect(t)
	register(t, c)
	c.Send(`42["messages",{"nickname":"Confidential","message":"Confidential"}]`, `42["messages","Confidential"]`,
		`42["Confidential",1]`)
	c.Receive(2)
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, line := range n.Log.Lines(t) {
		if line["level"] == "DEBUG" || line["id"] == c.ID {
			t.Errorf("a line about a client: %v", line)
		}
		for _, value := range line {
			if text, isText := value.(string); isText && strings.Contains(text, "Confidential") {
				t.Errorf("personal data at level %v: %v", line["level"], line)
			}
		}
	}
}

func TestLongTextsAreCutInTheLog(t *testing.T) {
	n := start(t)
	c := n.Connect(t)
	c.Send(`42["messages",{"message":"` + strings.Repeat("x", 10*maxLoggedText) + `"}]`)
	c.Receive(1)
	lines := n.Log.Find(t, "message received")
	if len(lines) != 1 || len(lines[0]["message"].(string)) > maxLoggedText+len("…") {
		t.Errorf("got %d lines", len(lines))
	}
}

// An operator sees the chat's events apart from all others.
func TestEventsAreMeasuredByName(t *testing.T) {
	n := start(t, "LOG_LEVEL", "error")
	c := n.Connect(t)
	register(t, c)
	c.Send(`42["messages",{"message":"oi"}]`, `42["nonsense"]`)
	c.Receive(1)
	n.WantSamples(t, gatewaytest.Samples{
		`gateway_event_duration_seconds_count{event="registrar",namespace="/"}`: 1,
		`gateway_event_duration_seconds_count{event="messages",namespace="/"}`:  1,
		`gateway_event_duration_seconds_count{event="other",namespace="/"}`:     1,
	})
}
