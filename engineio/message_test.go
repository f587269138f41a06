package engineio

import (
	"strings"
	"testing"
)

func TestMessageForms(t *testing.T) {
	long, huge := strings.Repeat("x", 300), strings.Repeat("y", 70000)
	tests := []struct {
		name    string
		message *Message
		frames  string
		payload string
	}{
		{"text", text("hi"), "\x81\x034hi", "4hi"},
		{"empty text", text(""), "\x81\x014", "4"},
		{"125 bytes", text(long[:124]), "\x81\x7d4" + long[:124], "4" + long[:124]},
		{"126 bytes", text(long[:125]), "\x81\x7e\x00\x7e4" + long[:125], "4" + long[:125]},
		{"16 bit length", text(long), "\x81\x7e\x01\x2d4" + long, "4" + long},
		{"65535 bytes", text(huge[:65534]), "\x81\x7e\xff\xff4" + huge[:65534], "4" + huge[:65534]},
		{
			"65536 bytes", text(huge[:65535]),
			"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x004" + huge[:65535], "4" + huge[:65535],
		},
		{"binary", NewBinaryMessage([]byte{1, 2, 3, 4}, MessageOptions{}), "\x82\x04\x01\x02\x03\x04", "bAQIDBA=="},
		{"empty binary", NewBinaryMessage(nil, MessageOptions{}), "\x82\x00", "b"},
		{
			"attachments", NewTextMessage([]byte("51-"), [][]byte{{1, 2, 3, 4}, {}, {0xff}}, MessageOptions{}),
			"\x81\x04" + "451-" + "\x82\x04\x01\x02\x03\x04\x82\x00\x82\x01\xff", "451-\x1ebAQIDBA==\x1eb\x1eb/w==",
		},
		{"packet", newPacket(packetNoop, ""), "\x81\x016", "6"},
	}
	for _, tt := range tests {
		if got := string(tt.message.frames); got != tt.frames {
			t.Errorf("%s: frames %q, want %q", tt.name, clip(got), clip(tt.frames))
		}
		for range 2 { // the second time it is there already
			if got := string(tt.message.appendPayload([]byte("before"))); got != "before"+tt.payload {
				t.Errorf("%s: payload %q, want %q", tt.name, clip(got), clip("before"+tt.payload))
			}
		}
	}
}

// A Message does not change when the slices that it was made from do.
func TestMessageCopies(t *testing.T) {
	body, attachment := []byte("text"), []byte{1, 2}
	m := NewTextMessage(body, [][]byte{attachment}, MessageOptions{})
	b := NewBinaryMessage(attachment, MessageOptions{})
	body[0], attachment[0] = 'X', 'X'
	if got := string(m.appendPayload(nil)) + string(b.appendPayload(nil)); got != "4text\x1ebAQI=bAQI=" {
		t.Errorf("a message follows its source: %q", got)
	}
}
