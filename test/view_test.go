package test

// The client's view of what we send: whatever a client may say, and a handler passes on or acknowledges, is something
// that the other clients can decode. One that cannot closes its connection.

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
	"github.com/brunossouza/websocket-escalonavel/test/child"
)

func TestTheClientsViewOfWhatWeSend(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "corpus")
	corpus, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer corpus.Close()
	lines := json.NewEncoder(corpus)
	sent := 0
	for text := range clientTexts(t) {
		p, ok := decode(text)
		if !ok {
			continue
		}
		for _, answer := range sentOn(t, p) {
			e, err := parser.Default{}.Encode(answer)
			if err != nil {
				t.Errorf("%q: %v", text, err)
				continue
			}
			if _, ok := decodeAll(e); !ok {
				t.Errorf("%q: our own parser refuses %q", text, e.Data)
			}
			if err := lines.Encode(messagesOf(e)); err != nil {
				t.Fatal(err)
			}
			sent++
		}
	}
	if t.Logf("%d packets", sent); sent < 10_000 {
		t.Errorf("only %d packets", sent)
	}
	child.RunScript(t, "js/parser/view.test.mjs", "CORPUS="+file)
}

// clientTexts are what a client may send: the recorded packets, and others made of them.
func clientTexts(t *testing.T) func(yield func(string) bool) {
	t.Helper()
	recorded, err := os.ReadFile("../socketio/parser/testdata/packets.txt")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for line := range strings.Lines(string(recorded)) {
		var frames []string
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "> "); ok &&
			json.Unmarshal([]byte(rest), &frames) == nil {
			for _, frame := range frames {
				if text, message := strings.CutPrefix(frame, "4"); message {
					texts = append(texts, text)
				}
			}
		}
	}
	texts = append(texts, `2["x",{"a":[1,-0,1e999,"\ud800\u0000"]}]`, `2/a,7["x"]`, `2[1.5e300,"x"]`,
		`52-["x",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]`, `2 ["x"]`, `21 2["x"]`,
		`2["x",{"_placeholder":true,"num":9}]`, `2["x",{"__proto__":1,"constructor":{"toJSON":2}}]`)
	pieces := []string{
		`"`, `\`, `\u0000`, `\ud83d`, `{`, `}`, `[`, `]`, `,`, `:`, `1`, `-`, `e`, `.`, ` `, "\u00a0", "\u2028",
		"\ufeff", "é",
		`null`, `true`, `"connect"`, `"\u0063onnect"`, `{"_placeholder":true,"num":0}`, `{"_placeholder":true,"num":1}`,
		`{"_placeholder":1,"num":"x"}`, `/`, `/a,`, `/a?b=c,`, `51-`, `2`, `0x10`, `99999999999999999999`, "\t", `[[[[`,
		`]]]]`,
	}
	random := rand.New(rand.NewPCG(10, 14))
	return func(yield func(string) bool) {
		for _, text := range texts {
			if !yield(text) {
				return
			}
		}
		for range 200_000 {
			text := texts[random.IntN(len(texts))]
			if len(text) > 500 {
				continue
			}
			for range 1 + random.IntN(3) {
				at := random.IntN(len(text) + 1)
				cut := min(len(text), at+random.IntN(3))
				text = text[:at] + pieces[random.IntN(len(pieces))] + text[cut:]
			}
			if !yield(strings.ToValidUTF8(text, "\ufffd")) {
				return
			}
		}
	}
}

// decode decodes a client's text, with attachments where it wants some.
func decode(text string) (parser.Packet, bool) {
	p, err := parser.Default{}.Decode(nil, []byte(text), false)
	for i := 0; err == nil && p.Missing > 0; i++ {
		p, err = parser.Default{}.Decode(&p, []byte{byte(i), 0xff}, true)
	}
	return p, err == nil
}

// sentOn is what comes of a packet at its handler: an event goes to others as it is and with one more argument, and is
// acknowledged with its own arguments.
func sentOn(t *testing.T, p parser.Packet) (sent []parser.Packet) {
	t.Helper()
	switch p.Type {
	case parser.Event, parser.Ack:
	default:
		return nil
	}
	args := p.Args()
	list := make([]any, args.Len())
	for i := range list {
		list[i] = args.Raw(i)
	}
	marshaled := func(typ parser.Type, list ...any) {
		payload, attachments, err := parser.MarshalArgs(list)
		if errors.Is(err, parser.ErrInvalidPacket) && strings.Contains(err.Error(), "placeholder") {
			return // the program is told, and nobody gets it
		}
		if err != nil {
			t.Fatalf("%s: %v", p.Payload, err)
		}
		sent = append(sent, parser.Packet{
			Type: typ, Namespace: p.Namespace, Payload: payload, Attachments: attachments,
			HasID: typ == parser.Ack, ID: 3,
		})
	}
	marshaled(parser.Ack, list...)
	if p.Event != "" && !parser.IsReservedEvent(p.Event) {
		marshaled(parser.Event, slices.Concat([]any{p.Event}, list, []any{map[string]any{"from": []byte{1}}})...)
		marshaled(parser.Event, slices.Concat([]any{p.Event}, list)...)
	}
	return sent
}

// decodeAll decodes what has been encoded.
func decodeAll(e parser.Encoded) (parser.Packet, bool) {
	p, err := parser.Default{}.Decode(nil, e.Data, e.Binary)
	for _, a := range e.Attachments {
		if err == nil {
			p, err = parser.Default{}.Decode(&p, a, true)
		}
	}
	return p, err == nil && p.Missing == 0
}

// A wireMessage is a message as the script reads it.
type wireMessage struct {
	Data   []byte
	Binary bool
}

func messagesOf(e parser.Encoded) []wireMessage {
	all := []wireMessage{{e.Data, e.Binary}}
	for _, a := range e.Attachments {
		all = append(all, wireMessage{a, true})
	}
	return all
}
