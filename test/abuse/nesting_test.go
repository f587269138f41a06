package abuse

import (
	"testing"

	"github.com/brunossouza/websocket-escalonavel/test/child"
)

// TestNestingEndsItsSender: real clients notice what is nested deeper than they can parse. Each of the room used to end
// with a parse error, and the sender to stay.
func TestNestingEndsItsSender(t *testing.T) {
	child.RunScript(t, "../js/abuse/nesting.test.mjs", "URL=http://"+startNode(t, 0).addr)
}
