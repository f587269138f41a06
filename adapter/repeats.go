package adapter

// Which messages of others are repetitions. A server whose connection to Redis ends with a message on it sends that
// again, and marks it: Redis may have passed it on or not.

import "github.com/brunossouza/websocket-escalonavel/adapter/cluster"

// repeats is what is known of what others have sent to a namespace's channels. It belongs to the inbox's goroutine.
type repeats map[senderOn]*sentOn

// A senderOn is a server on a channel. Its messages there come in the order of their numbers, and not all numbers come.
type senderOn struct{ sender, channel string }

type sentOn struct {
	last  uint64 // the number of its last message
	again uint64 // of the last that was sent again
}

// rememberedSenders bounds repeats.
const rememberedSenders = 10_000

// isRepeated reports whether a message repeats an earlier one, and remembers it. One that its server has sent again may
// come first, and the one before late, from a connection that both had given up.
func (r repeats) isRepeated(channel string, m *cluster.Message) bool {
	if m.Seq == 0 {
		return false // of a Node.js server, which sends nothing again
	}
	key := senderOn{m.Sender, channel}
	on := r[key]
	if on == nil {
		if len(r) >= rememberedSenders { // rooms and servers that are gone
			clear(r)
		}
		on = new(sentOn)
		r[key] = on
	}
	if m.Again && m.Seq <= on.last || m.Seq <= on.again {
		return true
	}
	if m.Again {
		on.again = m.Seq
	}
	on.last = max(on.last, m.Seq)
	return false
}
