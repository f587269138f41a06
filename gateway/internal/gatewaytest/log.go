package gatewaytest

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

// A Log keeps what a gateway logs, as JSON lines.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is all that has been logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Lines are the lines logged so far.
func (l *Log) Lines(t testing.TB) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(l.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		all = append(all, fields)
	}
	return all
}

// Find returns the lines with that message.
func (l *Log) Find(t testing.TB, msg string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for _, line := range l.Lines(t) {
		if line["msg"] == msg {
			found = append(found, line)
		}
	}
	return found
}
