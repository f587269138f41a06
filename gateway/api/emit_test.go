package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/client"
)

// Who gets an event, and what of it.
func TestEmit(t *testing.T) {
	f := serve(t, nil)
	clients := f.join(t, "red", "blue", "user:ana")
	names := []string{"red", "blue", "user"}
	for body, want := range map[string]string{
		`{"event":"e","all":true}`:                                               "red blue user",
		`{"event":"e","namespace":"/","to":["red"]}`:                             "red",
		`{"event":"e","to":["red","user:ana"],"users":["ana","bob"]}`:            "red user",
		`{"event":"e","users":["ana"]}`:                                          "user",
		`{"event":"e","all":true,"except":["blue"]}`:                             "red user",
		`{"event":"e","to":["red","blue"],"except":["` + clients[1].ID() + `"]}`: "red",
		`{"event":"e","all":true,"volatile":true,"except":["red","nix"]}`:        "blue user",
		`{"event":"e","to":["red"],"namespace":null,"all":null,"volatile":null}`: "red", // as many serializers write
	} {
		f.post(t, "/v1/emit", body, http.StatusAccepted, nil)
		for i, name := range names {
			if strings.Contains(want, name) {
				clients[i].Expect("e", patience)
			} else {
				clients[i].ExpectNone("e")
			}
		}
	}
}

// The text of arguments reaches a client as it was sent, and binary values as such.
func TestEmitArguments(t *testing.T) {
	f := serve(t, nil)
	c := f.join(t, "r")[0]
	f.post(t, "/v1/emit", `{"event":"e","to":["r"],"args":[1.50,12345678901234567890,"\u00e9",null,{"b":1,"a":[]}]}`,
		http.StatusAccepted, nil)
	got := c.Expect("e", patience)
	for i, want := range []string{`1.50`, `12345678901234567890`, `"\u00e9"`, `null`, `{"b":1,"a":[]}`} {
		raw := got.Raw(i)
		if text := string(raw.JSON()); text != want {
			t.Errorf("argument %d is %s, want %s", i, text, want)
		}
	}
	f.post(t, "/v1/emit", `{"event":"e","to":["r"],"args":[{"file":"Zm9v"},"YmFy"],"binary":["/0/file"]}`,
		http.StatusAccepted, nil)
	var file struct{ File []byte }
	var text string
	c.Expect("e", patience, &file, &text)
	if string(file.File) != "foo" || text != "YmFy" {
		t.Errorf("got %q and %q", file.File, text)
	}
}

// Batches arrive in their order, and one mistake sends nothing.
func TestEmitBatch(t *testing.T) {
	f := serve(t, nil)
	f.io.Of("/other")
	c := f.join(t, "r")[0]
	other := f.io.ConnectTo(t, "/other", client.Options{})
	f.post(t, "/v1/emit-batch", `{"emissions":[{"event":"a","to":["r"],"args":[1]},`+
		`{"event":"a","all":true,"args":[2]},{"event":"b","namespace":"/other","all":true},`+
		`{"event":"a","to":["r"],"args":[3]}]}`, http.StatusAccepted, nil)
	for want := range 3 {
		var n int
		if c.Expect("a", patience, &n); n != want+1 {
			t.Errorf("got %d, want %d", n, want+1)
		}
	}
	other.Expect("b", patience)
	f.post(t, "/v1/emit-batch", `{"emissions":[{"event":"a","to":["r"]},{"event":"disconnect","all":true}]}`,
		http.StatusUnprocessableEntity, nil).says(t, "body.emissions[1]", "reserved")
	c.ExpectNone("a")
	many := `{"emissions":[{"event":"a","all":true}` + strings.Repeat(`,{"event":"a","all":true}`, 1000) + `]}`
	f.post(t, "/v1/emit-batch", many, http.StatusUnprocessableEntity, nil).says(t, "body.emissions")
	c.ExpectNone("a")
}

// What is wrong is said by the name of the field, and nothing is done.
func TestEmitMistakes(t *testing.T) {
	f := serve(t, nil)
	c := f.join(t, "r")[0]
	for _, test := range []struct {
		body   string
		status int
		says   string
	}{
		{`{"event":"e","tto":["r"]}`, 422, "body.tto"},
		{`{"event":"e","to":["r"],"args":{}}`, 422, "body.args"},
		{`{"event":"e","to":"r"}`, 422, "body.to"},
		{`{"to":["r"]}`, 422, "event"},
		{`{"event":"","to":["r"]}`, 422, "body.event"},
		{`{"event":"connect","to":["r"]}`, 422, "reserved"},
		{`{"event":"e"}`, 422, "/problems/nobody-selected"},
		{`{"event":"e","to":[],"users":[]}`, 422, "/problems/nobody-selected"},
		{`{"event":"e","to":["r"],"all":true}`, 422, "body.all"},
		{`{"event":"e","to":[""]}`, 422, `the name of a room`},
		{`{"event":"e","users":["` + strings.Repeat("u", 256) + `"]}`, 422, "body.users[0]"},
		{`{"event":"e","users":["r"],"args":["x"],"binary":["/1"]}`, 422, "does not lead to one value"},
		{`{"event":"e","to":["r"],"namespace":"/nowhere"}`, 404, "/problems/unknown-namespace"},
		{`{"event":"e","to":["r"]`, 400, "unexpected end"},
		{`[]`, 422, "body"},
		{`null`, 422, "body"},
		{`{"event":"e","to":["r"],"args":[` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `]}`, 422, "args"},
		{strings.Repeat("[", 20_000), 400, "depth"},
	} {
		f.post(t, "/v1/emit", test.body, test.status, nil).says(t, test.says)
	}
	if f.io.Namespace("/nowhere") != nil {
		t.Error("a request has made a namespace")
	}
	f.call(t, "POST", "/v1/emit", `event=e`, "Content-Type: application/x-www-form-urlencoded").
		want(t, "a form", http.StatusUnsupportedMediaType, nil)
	f.call(t, "POST", "/v1/emit", "").want(t, "no body", http.StatusBadRequest, nil)
	c.ExpectNone()
	for _, secret := range []string{"tto", "nowhere"} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("the log repeats what was sent: %s", f.log)
		}
	}
}

// A dynamic namespace may have its clients on other nodes: a request makes it here, as a client would.
func TestEmitToADynamicNamespace(t *testing.T) {
	f := serve(t, nil)
	f.io.OfPattern(regexp.MustCompile(`^/team-\d+$`))
	f.post(t, "/v1/emit", `{"event":"e","all":true,"namespace":"/team-7"}`, http.StatusAccepted, nil)
	f.post(t, "/v1/emit", `{"event":"e","all":true,"namespace":"/team-x"}`, http.StatusNotFound, nil)
	var list Namespaces
	f.get(t, "/v1/namespaces", http.StatusOK, &list)
	if got := strings.Join(list.Namespaces, " "); got != "/ /team-7" {
		t.Errorf("there are %s", got)
	}
}

func TestEmitWithAck(t *testing.T) {
	f := serve(t, nil)
	clients := f.join(t, "r", "r", "s")
	clients[0].On("ask", func(e *client.Event) error { return e.Ack("one", 1.50) })
	clients[1].On("ask", func(e *client.Event) error { return e.Ack(map[string]any{"file": []byte("foo")}) })
	var acked Acked
	f.post(t, "/v1/emit-with-ack", `{"event":"ask","to":["r"],"args":[1]}`, http.StatusOK, &acked)
	texts := map[string]bool{}
	for _, a := range acked.Answers {
		text, _ := json.Marshal(a)
		texts[string(text)] = true
	}
	if acked.Incomplete != nil || len(texts) != 2 || !texts[`{"args":["one",1.5]}`] ||
		!texts[`{"args":[{"file":"Zm9v"}],"binary":["/0/file"]}`] {
		t.Errorf("got %v, %+v", texts, acked.Incomplete)
	}
	acked = Acked{}
	f.post(t, "/v1/emit-with-ack", `{"event":"ask","to":["nobody"],"args":[1]}`, http.StatusOK, &acked)
	if acked.Incomplete != nil || len(acked.Answers) != 0 {
		t.Errorf("of nobody: %+v", acked)
	}
	// The third does not answer, and a fourth goes meanwhile.
	acked = Acked{}
	f.post(t, "/v1/emit-with-ack", `{"event":"ask","all":true,"timeout":50}`, http.StatusOK, &acked)
	i := acked.Incomplete
	if i == nil || !i.Timeout || i.Clients != 1 || i.Disconnected != 0 || len(acked.Answers) != 2 {
		t.Errorf("of a silent one: %+v, %+v", acked, acked.Incomplete)
	}
	clients[2].On("ask", func(*client.Event) error { clients[2].Socket.Conn().Close(); return nil })
	acked = Acked{}
	f.post(t, "/v1/emit-with-ack", `{"event":"ask","all":true}`, http.StatusOK, &acked)
	i = acked.Incomplete
	if i == nil || i.Timeout || i.Clients != 1 || i.Disconnected != 1 || len(acked.Answers) != 2 {
		t.Errorf("of one that went: %+v, %+v", acked, acked.Incomplete)
	}
	for body, says := range map[string]string{
		`{"event":"ask","all":true,"timeout":0}`:     "body.timeout",
		`{"event":"ask","all":true,"timeout":60001}`: "body.timeout",
		`{"event":"ask","timeout":5}`:                "/problems/nobody-selected",
		`{"event":"ask","all":true,"Timeut":5}`:      "body.Timeut",
	} {
		f.post(t, "/v1/emit-with-ack", body, http.StatusUnprocessableEntity, nil).says(t, says)
	}
}

// Clients that answer a megabyte each do not fill the memory, nor the answer: what is too much is counted.
func TestAckFlood(t *testing.T) {
	f := serve(t, nil)
	big := strings.Repeat("x", 900_000)
	for range 20 {
		c := f.io.Connect(t)
		c.On("ask", func(e *client.Event) error { return e.Ack(big) })
	}
	var acked Acked
	f.post(t, "/v1/emit-with-ack", `{"event":"ask","all":true,"timeout":30000}`, http.StatusOK, &acked)
	if i := acked.Incomplete; i == nil || i.Dropped+len(acked.Answers) != 20 || len(acked.Answers) != 4 {
		t.Errorf("%d answers, %+v", len(acked.Answers), acked.Incomplete)
	}
	if left := f.acks.bytes.Load(); left != 0 || f.acks.requests.Load() != 0 {
		t.Errorf("%d bytes are never given back", left)
	}
}

// A hostile client that answers twice, or with an attachment in two places, does no harm.
func TestHostileAcks(t *testing.T) {
	f := serve(t, nil)
	c := f.join(t, "r")[0]
	c.On("ask", func(e *client.Event) error {
		const placeholder = `{"_placeholder":true,"num":0}`
		twice, err := socketio.NewRaw(json.RawMessage("["+placeholder+","+placeholder+"]"), []byte("x"))
		if err != nil {
			return err
		}
		return e.Ack(twice)
	})
	var acked Acked
	f.post(t, "/v1/emit-with-ack", `{"event":"ask","all":true}`, http.StatusOK, &acked)
	if len(acked.Answers) == 1 { // the client has sent two attachments
		return
	}
	if i := acked.Incomplete; i == nil || i.Dropped != 1 {
		t.Errorf("%+v, %+v", acked, acked.Incomplete)
	}
}
