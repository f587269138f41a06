package parser

// How deep packets may be nested, and what is kept of a packet with a great many arguments.

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

func nest(open string, depth int, inner, end string) string {
	return strings.Repeat(open, depth) + inner + strings.Repeat(end, depth)
}

// A client may nest less deep than the server, which can wrap what it was sent.
func TestDepthOfWhatComesIn(t *testing.T) {
	const most = MaxDepth - wrapDepth
	for _, c := range []struct {
		name, before, after string
		depth               int // that is left for what is between
		binary              bool
	}{
		{"event", `2["x",`, `]`, most - 1, false},
		{"acknowledgement", `31[`, `]`, most - 1, false},
		{"connect", `0{"a":`, `}`, most - 1, false},
		{"connect error", `4{"a":`, `}`, most - 1, false},
		{"binary event", `51-["x",{"_placeholder":true,"num":0},`, `]`, most - 1, true},
	} {
		for _, kind := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
			for _, more := range []int{0, 1} {
				text := c.before + nest(kind[0], c.depth+more, "1", kind[1]) + c.after
				_, err := Default{}.Decode(nil, []byte(text), false)
				refused := errors.Is(err, ErrTooDeep) && errors.Is(err, ErrInvalidPacket)
				if more == 0 && err != nil || more == 1 && !refused {
					t.Errorf("%s of %s, %d deeper than allowed: %v", c.name, kind[0], more, err)
				}
			}
		}
	}
	if err := CheckEvent([]byte(`["x",`+nest("[", MaxDepth-1, "", "]")+`]`), nil); err != nil {
		t.Errorf("what another server has wrapped: %v", err)
	}
	if err := CheckEvent([]byte(`["x",`+nest("[", MaxDepth, "", "]")+`]`), nil); !errors.Is(err, ErrInvalidPacket) {
		t.Errorf("what no client can parse: %v", err)
	}
}

func TestDepthOfWhatGoesOut(t *testing.T) {
	value := func(depth int) any {
		var v any = strings.Repeat(`[{"`, 1000) // brackets in a string do not count
		for range depth {
			v = []any{v}
		}
		return v
	}
	if _, _, err := MarshalEvent("x", []any{value(MaxDepth - 1)}); err != nil {
		t.Error(err)
	}
	if _, _, err := MarshalEvent("x", []any{value(MaxDepth)}); err == nil {
		t.Error("an event that is too deep is encoded")
	}
	if _, _, err := MarshalArgs([]any{value(MaxDepth)}); err == nil {
		t.Error("an acknowledgement that is too deep is encoded")
	}
	if _, err := Marshal(value(MaxDepth)); err != nil {
		t.Error(err)
	}
	if _, err := Marshal(value(MaxDepth + 1)); err == nil {
		t.Error("a value that is too deep is encoded")
	}
	flat := make([]any, 10*MaxDepth)
	for i := range flat {
		flat[i] = []any{i}
	}
	if _, err := Marshal(flat); err != nil {
		t.Errorf("many brackets side by side: %v", err)
	}
}

// A packet of which attachments are to come keeps its text, and not a table that is eight times as large.
func TestUnfinishedPacketKeepsNoTable(t *testing.T) {
	text := `51-9["x",{"_placeholder":true,"num":0}` + strings.Repeat(",0", 10_000) + `]`
	p, err := Default{}.Decode(nil, []byte(text), false)
	if err != nil {
		t.Fatal(err)
	}
	if n := cap(p.spans); n > fewArgs {
		t.Errorf("room for %d arguments is kept", n)
	}
	if p, err = (Default{}).Decode(&p, []byte{7}, true); err != nil {
		t.Fatal(err)
	}
	args := p.Args()
	if args.Len() != 10_001 || string(args.Raw(10_000).JSON()) != "0" || p.Event != "x" {
		t.Errorf("%d arguments of %q", args.Len(), p.Event)
	}
	var b []byte
	if err := args.Bind(&b); err != nil || len(b) != 1 {
		t.Errorf("bound %v, %v", b, err)
	}
	const spanBytes = 2 * strconv.IntSize / 8
	if least := len(p.Payload) + 10_000*spanBytes; p.Size() < least {
		t.Errorf("counts for %d bytes, want %d at least", p.Size(), least)
	}
}
