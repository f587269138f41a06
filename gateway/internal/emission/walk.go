package emission

// A walk through JSON text that knows where it is: what spanholders there are, and what stands at some pointers.
// encoding/json finds the tokens; the text has been checked before.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// A walk is made for one text.
type walk struct {
	text   []byte
	wanted map[string]*wanted // by pointer; nil where placeholders are all that is looked for

	dec  *json.Decoder
	path []byte // the pointer to where the walk is

	placeholders []placeholder // in the order of the text
	inOrder      []span        // of what was wanted
	attachments  [][]byte      // their content
}

// wanted is a pointer that something is to stand at.
type wanted struct{ found int }

// A span is what is from start up to end.
type span struct{ start, end int }

type placeholder struct {
	span
	pointer string
	num     int // -1 where it has no number that could be an attachment's
	// hidden says that a later member of the same object has the name of one that the placeholder is in: JSON's parsers
	// take the later one, so that the pointer leads elsewhere.
	hidden bool
}

// push makes the path longer by one step, and pop takes it back to its length before.
func (w *walk) push(step string) (before int) {
	before = len(w.path)
	w.path = append(w.path, '/')
	if strings.ContainsAny(step, "~/") {
		step = strings.ReplaceAll(strings.ReplaceAll(step, "~", "~0"), "/", "~1")
	}
	w.path = append(w.path, step...)
	return before
}

func (w *walk) pop(before int) { w.path = w.path[:before] }

// all walks through the whole text.
func (w *walk) all() error {
	w.dec = json.NewDecoder(bytes.NewReader(w.text))
	w.dec.UseNumber()
	_, err := w.value()
	return err
}

// begin is where the next token begins.
func (w *walk) begin() int {
	i := int(w.dec.InputOffset())
	for i < len(w.text) && strings.IndexByte(" \t\r\n,:", w.text[i]) >= 0 {
		i++
	}
	return i
}

// value walks through the next value and returns its first token.
func (w *walk) value() (json.Token, error) {
	at := span{start: w.begin()}
	token, err := w.dec.Token()
	if err != nil {
		return nil, invalid("not valid JSON")
	}
	before := len(w.placeholders)
	switch token {
	case json.Delim('['):
		err = w.elements()
	case json.Delim('{'):
		var p placeholder
		var is bool
		if p, is, err = w.members(); is {
			p.span = span{at.start, int(w.dec.InputOffset())}
			p.pointer = string(w.path)
			w.placeholders = append(w.placeholders[:before], p) // what is inside is not looked at
		}
	}
	if err != nil {
		return nil, err
	}
	if found := w.wanted[string(w.path)]; found != nil {
		at.end = int(w.dec.InputOffset())
		return token, w.take(found, at, token)
	}
	return token, nil
}

// take takes the value at a wanted pointer.
func (w *walk) take(found *wanted, at span, token json.Token) error {
	text, ok := token.(string)
	if !ok {
		return invalid("the pointer %q leads to no string", shown(string(w.path)))
	}
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return invalid("the pointer %q leads to no base64", shown(string(w.path)))
	}
	found.found++
	w.inOrder = append(w.inOrder, at)
	w.attachments = append(w.attachments, content)
	return nil
}

func (w *walk) elements() error {
	for i := 0; w.dec.More(); i++ {
		before := w.push(strconv.Itoa(i))
		if _, err := w.value(); err != nil {
			return err
		}
		w.pop(before)
	}
	return w.close()
}

// members walks through the members of an object, and says whether that is a placeholder. As with JSON.parse, the last
// of several members with one name counts.
func (w *walk) members() (p placeholder, is bool, err error) {
	p.num = -1
	var found map[string]span // by the member's name, the placeholders in it
	for w.dec.More() {
		token, err := w.dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return p, false, invalid("not valid JSON")
		}
		for i := found[key].start; i < found[key].end; i++ {
			w.placeholders[i].hidden = true
		}
		first := len(w.placeholders)
		before := w.push(key)
		value, err := w.value()
		if err != nil {
			return p, false, err
		}
		w.pop(before)
		if n := len(w.placeholders); n > first {
			if found == nil {
				found = make(map[string]span)
			}
			found[key] = span{first, n}
		}
		switch key {
		case "_placeholder":
			is = value == true
		case "num":
			p.num = number(value)
		}
	}
	return p, is, w.close()
}

// close reads the bracket that ends an array or an object.
func (w *walk) close() error {
	if _, err := w.dec.Token(); err != nil {
		return invalid("not valid JSON")
	}
	return nil
}

// number is the number of an attachment, or -1.
func number(token json.Token) int {
	n, ok := token.(json.Number)
	if !ok {
		return -1
	}
	f, err := n.Float64()
	if err != nil || f < 0 || f >= 1<<20 || f != float64(int(f)) {
		return -1
	}
	return int(f)
}
