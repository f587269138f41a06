package parser

// Placeholders: the objects {"_placeholder":true,"num":n} that stand in a binary packet's JSON for its n-th attachment.

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// appendPlaceholder appends the placeholder of attachment num.
func appendPlaceholder(dst []byte, num int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(num), 10)
	return append(dst, '}')
}

// walkPlaceholders finds the placeholders in text, which is valid JSON, depth first. Each must have for its number an
// integer of at least 0 and less than n; visit, if not nil, gets it and its place.
func walkPlaceholders(text []byte, n int, visit func(at span, num int)) error {
	w := placeholderWalk{text: text, n: n}
	w.value(skipSpace(text, 0))
	for _, f := range w.found {
		if f.num < 0 {
			return invalid("illegal attachments")
		}
	}
	if visit != nil {
		for _, f := range w.found {
			visit(f.at, f.num)
		}
	}
	return nil
}

type placeholder struct {
	at  span
	num int // negative where it is not the number of an attachment
}

type placeholderWalk struct {
	text  []byte
	n     int
	found []placeholder
}

func (w *placeholderWalk) value(i int) (int, bool) {
	if i >= len(w.text) {
		return i, false
	}
	switch w.text[i] {
	case '{':
		return w.object(i)
	case '[':
		for i = skipSpace(w.text, i+1); i < len(w.text) && w.text[i] != ']'; {
			end, ok := w.value(i)
			if !ok {
				return i, false
			}
			i = skipSpace(w.text, end)
			if i < len(w.text) && w.text[i] == ',' {
				i = skipSpace(w.text, i+1)
			}
		}
		return i + 1, true
	}
	return scanValue(w.text, i, 0)
}

// object looks at the object at i. As with JSON.parse, the last of several members with one name counts, and what is
// inside a placeholder is not looked at.
func (w *placeholderWalk) object(i int) (int, bool) {
	before := len(w.found)
	var is bool
	var num []byte
	end, ok := scanObject(w.text, i, 0, func(key []byte, value int) (int, bool) {
		end, ok := w.value(value)
		if ok {
			switch {
			case keyIs(key, "_placeholder"):
				is = string(w.text[value:end]) == "true"
			case keyIs(key, "num"):
				num = w.text[value:end]
			}
		}
		return end, ok
	})
	if !ok || !is {
		return end, ok
	}
	p := placeholder{at: span{i, end}, num: -1}
	if f, err := strconv.ParseFloat(string(num), 64); err == nil && f >= 0 && f < float64(w.n) && f == float64(int(f)) {
		p.num = int(f)
	}
	w.found = append(w.found[:before], p)
	return end, true
}

// keyIs reports whether key, a JSON string with its quotes, is name.
func keyIs(key []byte, name string) bool {
	if len(key) == len(name)+2 {
		return string(key[1:len(key)-1]) == name
	}
	if bytes.IndexByte(key, '\\') < 0 {
		return false
	}
	var s string
	return json.Unmarshal(key, &s) == nil && s == name
}
