package logthrottle_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/internal/logthrottle"
)

// Lines are counted by message; what has attributes or a group of its own is counted with the rest, and warnings stay
// such.
func TestHandler(t *testing.T) {
	const burst, madeUp, apart = 10, 512, 256
	var log bytes.Buffer
	handler := logthrottle.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}), burst)
	logger := slog.New(handler)
	lines := func(message string) (found []map[string]any) {
		for line := range strings.Lines(log.String()) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatal(err)
			}
			if fields["msg"] == message {
				found = append(found, fields)
			}
		}
		return found
	}
	for i := range 100 {
		logger.With("i", i).Info("one")
		logger.WithGroup("g").Warn("one", "a", 1)
		logger.Debug("many")
	}
	logger.Error("another")
	for i := range madeUp {
		logger.Info(fmt.Sprintf("made up %d", i))
	}
	for message, want := range map[string]int{"one": burst, "many": 100, "another": 1} {
		if got := len(lines(message)); got != want {
			t.Errorf("%d lines of %q, want %d", got, message, want)
		}
	}
	handler.Flush()
	handler.Flush() // says nothing more
	suppressed := make(map[string]float64)
	for _, line := range lines("lines suppressed") {
		suppressed[line["message"].(string)] += line["suppressed"].(float64)
		if line["message"] == "one" && line["level"] != "WARN" {
			t.Errorf("level %v", line["level"])
		}
	}
	if len(suppressed) != 2 || suppressed["one"] != 200-burst || suppressed["others"] != madeUp-(apart-2)-burst {
		t.Errorf("suppressed: %v", suppressed)
	}
	logger.Info("one")
	if got := len(lines("one")); got != burst+1 {
		t.Errorf("%d lines after the interval", got)
	}
	handler.Flush()
}
