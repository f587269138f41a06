package main

// What ends at which number, on paper: bounds that are in the code, and in the brokers' defaults, against what was
// measured.

import "math"

const (
	// streamLength is how many entries a stream keeps (StreamsOptions.MaxLen), and what a node may be behind.
	streamLength = 10_000
)

// connectStep and answerStep are what nodes do for a connection, and for a socket of another node.
const (
	connectStep = "a connection, and its join"
	answerStep  = "the same, from another node"
)

// fullAt is how many messages a second to rooms of a size fill cores of the broker with n nodes.
func (m *model) fullAt(n int, room, cores float64) float64 {
	rate := func(messages float64) float64 {
		u := m.usage(scenario{users: room, rooms: []talk{{room, messages}}, text: float64(m.text)}, n)
		return u.brokerCPU
	}
	return upTo(cores, rate)
}

// overhearing is how many messages a second, of which it has no client, fill a core of a node; infinite where it does
// not get those.
func (m *model) overhearing() float64 {
	if m.overheard(2, 1) == 0 {
		return math.Inf(1)
	}
	return 1 / m.nodeCPU().step("one for other rooms")
}

// idleNodes is how many nodes fill cores of the broker by what they tell each other without any client.
func (m *model) idleNodes(cores float64) float64 {
	return upTo(cores, func(n float64) float64 {
		return m.usage(scenario{text: float64(m.text)}, int(n)).brokerCPU
	})
}

// upTo returns the x at which f, which grows, reaches a value; infinite past 10 million.
func upTo(value float64, f func(x float64) float64) float64 {
	low, high := 1.0, 1e7
	if f(high) < value {
		return math.Inf(1)
	}
	for high-low > low*1e-4 && high-low > 0.5 {
		if middle := (low + high) / 2; f(middle) < value {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// fetchCPU is how long all nodes together take for one fetchSockets of so many sockets, in seconds of a core. It has no
// end: answers come in pages, of which no more wait than the broker and a node hold.
func (m *model) fetchCPU(n int, sockets float64) float64 {
	w := work{nodes: float64(n)}
	w.fetch(1, sockets)
	return m.nodeCPU().of(&w)
}
