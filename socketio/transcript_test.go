package socketio

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestTranscript replays what a real Nest service was sent, and compares with what it answered.
func TestTranscript(t *testing.T) {
	data, err := os.ReadFile("parser/testdata/packets.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(data), "### ")[1:]
	if len(cases) < 60 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		name, rest, _ := strings.Cut(c, "\n")
		t.Run(name, func(t *testing.T) {
			srv := newTestServer(t, Options{})
			srv.On("registrar", func(e *Event) error {
				e.Socket().Join("roomChatTest")
				return e.Socket().Emit("registrado", map[string]string{"room": "roomChatTest"})
			})
			client := srv.dial()
			var want []string
			closes := false
			for line := range strings.Lines(rest) {
				line = strings.TrimSpace(line)
				switch {
				case strings.HasPrefix(line, "> "):
					var frames []string
					if err := json.Unmarshal([]byte(line[2:]), &frames); err != nil {
						t.Fatal(err)
					}
					for _, f := range frames {
						if !strings.HasPrefix(f, "<bin") {
							f = strings.TrimPrefix(f, "4")
						}
						client.send(f)
						client.settle()
					}
				case strings.HasPrefix(line, "< [CLOSE 1005"):
					closes = true
				case strings.HasPrefix(line, "< "):
					want = append(want, strings.TrimPrefix(line[2:], "4"))
				}
			}
			for _, w := range want {
				client.want(w)
			}
			if _, closed := client.isClosed(); closed != closes {
				t.Errorf("closed: %v, want %v", closed, closes)
			}
			if !closes {
				client.mu.Lock()
				defer client.mu.Unlock()
				if len(client.frames) > 0 {
					t.Errorf("also received %q", client.frames)
				}
			}
		})
	}
}
