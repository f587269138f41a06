package emission

// Arguments with binary values to JSON and a list of pointers, and back.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/socketio"
	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// MaxBinary is how many binary values a packet may have. Clients of socket.io-parser 4.2.6 and later close their
// connection over more.
const MaxBinary = 10

// Encode returns arguments as one JSON array, and where base64 text stands for something binary. All other text is
// what the client sent, byte for byte. The error is about one attachment in several places, which no client of Node's
// makes: the JSON would have a copy in each, so that a small packet became a huge one.
func Encode(args []socketio.Raw) (text json.RawMessage, binary []string, err error) {
	return Append(nil, args)
}

// Append is Encode that appends to dst.
func Append(dst []byte, args []socketio.Raw) (text []byte, binary []string, err error) {
	var used map[*[]byte]bool // attachments, by their place in the packet
	dst = append(dst, '[')
	for i, arg := range args {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch {
		case arg.IsZero():
			dst = append(dst, "null"...)
		case len(arg.Attachments()) == 0:
			dst = append(dst, arg.JSON()...)
		default:
			var at []string
			if used == nil {
				used = make(map[*[]byte]bool)
			}
			if dst, at, err = appendInline(dst, i, arg, used); err != nil {
				return nil, nil, err
			}
			binary = append(binary, at...)
		}
	}
	return append(dst, ']'), binary, nil
}

// appendInline appends argument number i with base64 for its placeholders.
func appendInline(
	dst []byte, i int, arg socketio.Raw, used map[*[]byte]bool,
) (text []byte, binary []string, err error) {
	text, attachments := arg.JSON(), arg.Attachments()
	w := walk{text: text}
	w.push(strconv.Itoa(i))
	if err := w.all(); err != nil {
		return nil, nil, err
	}
	done := 0
	for _, p := range w.placeholders {
		if p.num < 0 || p.num >= len(attachments) {
			return nil, nil, invalid("a placeholder without an attachment")
		}
		attachment := &attachments[p.num]
		if used[attachment] {
			return nil, nil, invalid("one attachment in two places")
		}
		used[attachment] = true
		dst = append(dst, text[done:p.start]...)
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, *attachment)
		dst = append(dst, '"')
		done = p.end
		if !p.hidden {
			binary = append(binary, p.pointer)
		}
	}
	return append(dst, text[done:]...), binary, nil
}

// Decode returns the arguments of a JSON array, or none where it is missing or null, with the base64 text at the
// pointers as attachments. All other text stays as it is. The error wraps ErrInvalid.
//
// An object of the form of a placeholder, {"_placeholder":true,"num":0}, is an ordinary object, and reaches clients as
// that, in arguments without anything binary. Beside something binary the protocol has no way to say so, and it is an
// error.
func Decode(text json.RawMessage, binary []string) (socketio.Args, error) {
	if len(text) == 0 || string(text) == "null" {
		text = []byte("[]")
	}
	if len(binary) == 0 {
		return parseArgs(text, nil)
	}
	if len(binary) > MaxBinary {
		return socketio.Args{}, invalid("more than %d binary values", MaxBinary)
	}
	if _, err := parseArgs(text, nil); err != nil { // the walk takes JSON for valid, and not too deep
		return socketio.Args{}, err
	}
	w := walk{text: text, wanted: make(map[string]*wanted, len(binary))}
	for _, pointer := range binary {
		if w.wanted[pointer] != nil {
			return socketio.Args{}, invalid("the pointer %q stands twice", shown(pointer))
		}
		w.wanted[pointer] = new(wanted)
	}
	if err := w.all(); err != nil {
		return socketio.Args{}, err
	}
	if len(w.placeholders) > 0 {
		return socketio.Args{}, invalid("an object that looks like a placeholder beside something binary")
	}
	for _, pointer := range binary {
		if w.wanted[pointer].found != 1 {
			return socketio.Args{}, invalid("the pointer %q does not lead to one value", shown(pointer))
		}
	}
	var out bytes.Buffer
	done := 0
	for num, at := range w.inOrder {
		out.Write(text[done:at.start])
		out.WriteString(`{"_placeholder":true,"num":` + strconv.Itoa(num) + `}`)
		done = at.end
	}
	out.Write(text[done:])
	return parseArgs(out.Bytes(), w.attachments)
}

func parseArgs(text json.RawMessage, attachments [][]byte) (socketio.Args, error) {
	args, err := parser.ParseArgs(text, attachments)
	if err != nil {
		return args, invalid(`"args" is no JSON array that clients can parse`)
	}
	return args, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// shown is as much of a pointer as an error shows.
func shown(pointer string) string {
	const most = 100
	if len(pointer) > most {
		return strings.ToValidUTF8(pointer[:most], "") + "…"
	}
	return pointer
}
