package emission

// An emission as JSON has it, its mistakes, and what clients get of it. The server and its clients are real.

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/socketiotest"
)

const patience = 10 * time.Second

func TestMistakes(t *testing.T) {
	long := strings.Repeat("x", MaxNameBytes+1)
	rooms := `["r"` + strings.Repeat(`,"r"`, MaxRooms) + `]`
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	for _, test := range []struct{ text, want string }{
		{`{}`, `"event" is missing`},
		{`{"event":"` + long + `"}`, `"event" has more than 1024 bytes`},
		{`{"event":"disconnect"}`, `the event name "disconnect" is reserved`},
		{`{"event":"e","all":true,"to":["r"]}`, `either "to" or "all"`},
		{`{"event":"e","except":["r"]}`, `"except" needs "to" or "all"`},
		{`{"event":"e","to":[""]}`, `"to": the name of a room has 1 to 1024 bytes, not 0`},
		{`{"event":"e","to":["r"],"except":["` + long + `"]}`,
			`"except": the name of a room has 1 to 1024 bytes, not 1025`},
		{`{"event":"e","to":` + rooms + `}`, `"to" has more than 1000 rooms`},
		{`{"event":"e","args":{"0":1}}`, `"args" is no JSON array that clients can parse`},
		{`{"event":"e","args":"x"}`, `"args" is no JSON array that clients can parse`},
		{`{"event":"e","args":` + deep + `}`, `"args" is no JSON array that clients can parse`},
		{`{"event":"e","args":["AA=="],"binary":["/1"]}`, `the pointer "/1" does not lead to one value`},
		{`{"event":"e","args":["AA=="],"binary":["0"]}`, `the pointer "0" does not lead to one value`},
		{`{"event":"e","args":["AA=="],"binary":["/00"]}`, `the pointer "/00" does not lead to one value`},
		{`{"event":"e","args":["AA=="],"binary":["/0","/0"]}`, `the pointer "/0" stands twice`},
		{`{"event":"e","args":["?"],"binary":["/0"]}`, `the pointer "/0" leads to no base64`},
		{`{"event":"e","args":[7],"binary":["/0"]}`, `the pointer "/0" leads to no string`},
		{`{"event":"e","args":[{}],"binary":["/0"]}`, `the pointer "/0" leads to no string`},
		{`{"event":"e","args":["AA=="],"binary":[""]}`, `the pointer "" leads to no string`},
		{`{"event":"e","binary":["/0"]}`, `the pointer "/0" does not lead to one value`},
		{`{"event":"e","args":[{"a":"AA==","a":"AA=="}],"binary":["/0/a"]}`,
			`the pointer "/0/a" does not lead to one value`},
		{`{"event":"e","args":["AA==",{"_placeholder":true,"num":0}],"binary":["/0"]}`,
			`an object that looks like a placeholder beside something binary`},
		{`{"event":"e","args":["AA==",{"\u005fplaceholder":true}],"binary":["/0"]}`,
			`an object that looks like a placeholder beside something binary`},
		{`{"event":"e","args":[],"binary":["0","1","2","3","4","5","6","7","8","9","10"]}`,
			`more than 10 binary values`},
	} {
		e := parse(t, test.text)
		err := e.Check()
		if !errors.Is(err, ErrInvalid) || err.Error() != "invalid emission: "+test.want {
			t.Errorf("%.80s: got %v, want %s", test.text, err, test.want)
		}
		if err := e.Emit(nil, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.80s: emitting it: got %v", test.text, err)
		}
	}
}

func TestWithoutASenderItNeedsSomebody(t *testing.T) {
	srv := socketiotest.New(t, socketio.Options{})
	for text, addressed := range map[string]bool{
		`{"event":"e"}`: false, `{"event":"e","to":["r"]}`: true, `{"event":"e","all":true}`: true,
	} {
		e := parse(t, text)
		err := e.Emit(srv.Server.Of("/"), nil)
		if addressed && err != nil || !addressed && !errors.Is(err, ErrNobody) || e.Addressed() != addressed {
			t.Errorf("%s: got %v, addressed %v", text, err, e.Addressed())
		}
	}
}

func TestWhoGetsIt(t *testing.T) {
	srv := socketiotest.New(t, socketio.Options{})
	var sender *socketio.Socket
	names := []string{"red", "blue", "sender"}
	clients := make([]*socketiotest.Client, len(names))
	srv.On("in", func(e *socketio.Event) error {
		var room string
		if err := e.Bind(&room); err != nil {
			return err
		}
		sender = e.Socket()
		sender.Join(room)
		return e.Ack()
	})
	for i, name := range names {
		clients[i] = srv.Connect(t)
		clients[i].EmitWithAck("in", name)
	}
	for text, want := range map[string]string{
		`{"event":"e"}`:                                              "sender",
		`{"event":"e","volatile":true}`:                              "sender",
		`{"event":"e","to":["red"]}`:                                 "red",
		`{"event":"e","to":["red","sender"]}`:                        "red sender",
		`{"event":"e","all":true}`:                                   "red blue sender",
		`{"event":"e","all":true,"volatile":true}`:                   "red blue sender",
		`{"event":"e","all":true,"except":["red"]}`:                  "blue sender",
		`{"event":"e","all":true,"except":["` + sender.ID() + `"]}`:  "red blue",
		`{"event":"e","to":["red","blue"],"except":["blue","none"]}`: "red",
		`{"event":"e","to":["none"]}`:                                "",
	} {
		if err := parse(t, text).Emit(srv.Server.Of("/"), sender); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if slices.Contains(strings.Fields(want), name) {
				clients[i].Expect("e", patience)
			} else {
				clients[i].ExpectNone("e")
			}
		}
	}
}

// What a client gets is what was written: numbers and texts to the byte, binary values as such, and what only looks
// like one as what it is.
func TestWhatComes(t *testing.T) {
	srv := socketiotest.New(t, socketio.Options{})
	c := srv.Connect(t)
	for _, test := range []struct{ text, args, binary string }{
		{`{"event":"e"}`, ``, ""},
		{`{"event":"e","args":null}`, ``, ""},
		{`{"event":"e","args":[ 1.50, 12345678901234567890, "\u00e9" ,{"b":1,"a":[]}]}`,
			`1.50 12345678901234567890 "\u00e9" {"b":1,"a":[]}`, ""},
		{`{"event":"e","args":[{"_placeholder":true,"num":0}]}`, `{"_placeholder":true,"num":0}`, ""},
		{`{"event":"e","args":[{"_placeholder":true,"num":7},"AA=="]}`, `{"_placeholder":true,"num":7} "AA=="`, ""},
		{`{"event":"e","args":["Zm9v",1.0,"Zm9v"],"binary":["/2"]}`,
			`"Zm9v" 1.0 {"_placeholder":true,"num":0}`, "foo"},
		{`{"event":"e","args":["",{"a/b":{"~":["YmFy","Zm9v"]}}],"binary":["/1/a~1b/~0/1","/0","/1/a~1b/~0/0"]}`,
			`{"_placeholder":true,"num":0} ` +
				`{"a/b":{"~":[{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]}}`, ",bar,foo"},
	} {
		if err := parse(t, test.text).Emit(srv.Server.Of("/"), nil); !errors.Is(err, ErrNobody) {
			t.Fatal(err)
		}
		e := parse(t, test.text)
		e.All = true
		if err := e.Emit(srv.Server.Of("/"), nil); err != nil {
			t.Fatal(err)
		}
		got := c.Expect("e", patience)
		var texts, binary []string
		for i := range got.Len() {
			texts = append(texts, string(got.Raw(i).JSON()))
		}
		first := got.Raw(0)
		for _, b := range first.Attachments() {
			binary = append(binary, string(b))
		}
		if args, b := strings.Join(texts, " "), strings.Join(binary, ","); args != test.args || b != test.binary {
			t.Errorf("%s:\ngot  %s with %q\nwant %s with %q", test.text, args, b, test.args, test.binary)
		}
	}
}

func parse(t *testing.T, text string) *Emission {
	t.Helper()
	e := new(Emission)
	if err := json.Unmarshal([]byte(text), e); err != nil {
		t.Fatal(err)
	}
	return e
}
