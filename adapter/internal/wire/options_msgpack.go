package wire

// Whom a message is for, in MessagePack. Every broadcast has that, so it is read and written without a detour.

import (
	"github.com/tinylib/msgp/msgp"

	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
)

// AppendOptions appends {rooms, except, flags}, with a trace {traceparent, rooms, except, flags}.
func AppendOptions(b []byte, s Selection) []byte {
	if s.Trace == "" {
		b = msgp.AppendMapHeader(b, 3)
	} else {
		b = msgp.AppendMapHeader(b, 4)
		b = msgp.AppendString(msgp.AppendString(b, "traceparent"), s.Trace)
	}
	b = appendStrings(msgp.AppendString(b, "rooms"), s.Rooms)
	b = appendStrings(msgp.AppendString(b, "except"), s.Except)
	b = msgp.AppendString(b, "flags")
	n := uint32(0)
	if s.Volatile {
		n++
	}
	if s.NoCompress {
		n++
	}
	b = msgp.AppendMapHeader(b, n)
	if s.Volatile {
		b = msgp.AppendBool(msgp.AppendString(b, "volatile"), true)
	}
	if s.NoCompress {
		b = msgp.AppendBool(msgp.AppendString(b, "compress"), false)
	}
	return b
}

func appendStrings(b []byte, list []string) []byte {
	b = msgp.AppendArrayHeader(b, uint32(len(list)))
	for _, s := range list {
		b = msgp.AppendString(b, s)
	}
	return b
}

// ReadOptions reads what AppendOptions has appended and returns what follows.
func ReadOptions(b []byte) (s Selection, rest []byte, err error) {
	rest, err = EachField(b, func(key, b []byte) (_ []byte, err error) {
		switch string(key) {
		case "rooms":
			s.Rooms, b, err = readStrings(b)
		case "except":
			s.Except, b, err = readStrings(b)
		case "flags":
			b, err = readFlags(b, &s)
		case "traceparent":
			s.Trace, b, err = readTrace(b)
		default:
			b, err = msgp.Skip(b)
		}
		return b, err
	})
	return s, rest, err
}

// readTrace reads a string. What is none says nothing.
func readTrace(b []byte) (string, []byte, error) {
	if msgp.NextType(b) != msgp.StrType {
		b, err := msgp.Skip(b)
		return "", b, err
	}
	text, b, err := msgpackjson.ReadText(b)
	return string(text), b, err
}

func readFlags(b []byte, s *Selection) ([]byte, error) {
	if msgp.IsNil(b) {
		return msgp.ReadNilBytes(b)
	}
	return EachField(b, func(key, b []byte) ([]byte, error) {
		if msgp.NextType(b) != msgp.BoolType {
			return msgp.Skip(b)
		}
		set, b, err := msgp.ReadBoolBytes(b)
		if err != nil {
			return nil, err
		}
		switch string(key) {
		case "volatile":
			s.Volatile = set
		case "compress":
			s.NoCompress = !set
		}
		return b, nil
	})
}

// EachField calls f with each key of a map and what follows it. f returns what follows the value. (The key is no
// string, as that would be an allocation for each.)
func EachField(b []byte, f func(key, b []byte) ([]byte, error)) ([]byte, error) {
	n, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	for range n {
		var key []byte
		if key, b, err = msgpackjson.ReadText(b); err != nil {
			return nil, err
		}
		if b, err = f(key, b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// readStrings reads an array of room names. Numbers are rooms too in JavaScript.
func readStrings(b []byte) ([]string, []byte, error) {
	if msgp.IsNil(b) {
		b, err := msgp.ReadNilBytes(b)
		return nil, b, err
	}
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, nil, err
	}
	if int64(n) > int64(len(b)) {
		return nil, nil, msgpackjson.ErrShort
	}
	list := make([]string, 0, n)
	for range n {
		var s string
		if msgp.NextType(b) == msgp.StrType {
			var text []byte
			text, b, err = msgpackjson.ReadText(b)
			s = string(text)
		} else { // a number, or something that is no room
			var text []byte
			var r msgpackjson.Reader
			text, b, err = r.AppendValue(nil, b)
			s = string(text)
		}
		if err != nil {
			return nil, nil, err
		}
		list = append(list, s)
	}
	return list, b, nil
}
