package adapter

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"
)

// ackLife bounds how long a server waits for its clients' acknowledgements on another's behalf.
const ackLife = 5 * time.Minute

// marshal is json.Marshal without its escapes for HTML, which JavaScript does not write.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// orNull is text, or null where there is none.
func orNull(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return json.RawMessage("null")
	}
	return text
}

// orEmpty is list, never nil, so that it is [] in JSON.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// A countdown calls its function when as many have answered as were expected.
type countdown struct {
	mu       sync.Mutex
	answered int
	expected int // -1 until it is known
	end      context.CancelFunc
}

func newCountdown(end context.CancelFunc) *countdown { return &countdown{expected: -1, end: end} }

func (c *countdown) expect(n int) { c.step(func() { c.expected = n }) }
func (c *countdown) done()        { c.step(func() { c.answered++ }) }

func (c *countdown) step(f func()) {
	c.mu.Lock()
	f()
	over := c.answered == c.expected
	c.mu.Unlock()
	if over {
		c.end()
	}
}
