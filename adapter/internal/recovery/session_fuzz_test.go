package recovery

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/internal/msgpackjson"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// FuzzSession reads sessions that are kept: what one is resumed with can be kept again.
func FuzzSession(f *testing.F) {
	for _, text := range []string{
		`{"sid":"s","pid":"p","rooms":["s",1],"data":{}}`,
		`{"sid":"s","pid":"p","rooms":[],"data":{"a":[1]},"server":"x"}`,
		`{"sid":"s","pid":"p","data":{"_placeholder":true,"num":0}}`, `{"sid":"","pid":"p"}`, `{"sid":"s","pid":"q"}`,
	} {
		packed, err := msgpackjson.Append(nil, []byte(text), [][]byte{{1, 2}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(text))
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		s, data, err := decodeSession(base64.StdEncoding.EncodeToString(packed), "p")
		_, _, _ = decodeSession(string(packed), "p") // which seldom is base64
		if err != nil {
			return
		}
		if s.SID == "" || s.PID != "p" || !data.IsZero() && !json.Valid(data.Inline()) {
			t.Fatalf("%q: %+v, %q", packed, s, data.JSON())
		}
		if data.IsZero() {
			data, _ = socketio.NewRaw(json.RawMessage("{}"))
		}
		text, err := wire.Marshal(wireSession{s.SID, s.PID, s.Rooms, data.JSON(), s.Server})
		if err != nil {
			t.Fatal(err)
		}
		again, err := msgpackjson.Append(nil, text, data.Attachments())
		if err != nil {
			return // too deep
		}
		back, _, err := decodeSession(base64.StdEncoding.EncodeToString(again), "p")
		if err != nil || back.SID != s.SID || back.Server != s.Server || !slices.Equal(back.Rooms, s.Rooms) {
			t.Fatalf("%q came back as %+v, %v", packed, back, err)
		}
	})
}
