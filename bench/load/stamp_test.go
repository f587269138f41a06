package load

import (
	"bytes"
	"encoding/base64"
	"testing"
)

func TestMessagesCarryTheirStampAndAreAlwaysAsLong(t *testing.T) {
	m := Text(`42["messages",{"nickname":"Ana","message":"`, 64, `"}]`)
	length := 0
	for i, want := range []struct{ seq, at int64 }{{0, 0}, {7, 123_456_789}, {9_999_999_999, 999_999_999_999_999}} {
		parts := m.stamped(want.seq, want.at)
		seq, at, ok := FindStamp(parts[0])
		if !ok || seq != want.seq || at != want.at {
			t.Errorf("%s: %d, %d, %v; want %v", parts[0], seq, at, ok, want)
		}
		if i == 0 {
			length = len(parts[0])
		}
		if len(parts[0]) != length || length != len(`42["messages",{"nickname":"Ana","message":"`)+64+len(`"}]`) {
			t.Errorf("%d bytes: %s", len(parts[0]), parts[0])
		}
	}
}

func TestBinaryMessagesCarryTheStampInTheAttachment(t *testing.T) {
	m := Binary(`451-["blob","r",{"_placeholder":true,"num":0}]`, 1000)
	parts := m.stamped(3, 4)
	seq, at, ok := FindStamp(parts[1])
	if len(parts) != 2 || len(parts[1]) != 1000 || !ok || seq != 3 || at != 4 {
		t.Errorf("%d parts, %q", len(parts), parts)
	}
	text, attachment, found := bytes.Cut(appendRecord([]byte("3"), parts)[2:], []byte("\x1eb"))
	decoded, err := base64.StdEncoding.DecodeString(string(attachment))
	if !found || err != nil || !bytes.Equal(text, parts[0]) || !bytes.Equal(decoded, parts[1]) {
		t.Errorf("as polling records: %q, %q, %v", text, attachment, err)
	}
}

func TestTextWithoutAWholeStampHasNone(t *testing.T) {
	for _, text := range []string{"", "42[]", "~123", "~12345678901234567890123x5", "~x2345678901234567890123456"} {
		if seq, at, ok := FindStamp([]byte(text)); ok {
			t.Errorf("%q: %d, %d", text, seq, at)
		}
	}
}
