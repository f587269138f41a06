package main

// How many nodes a load takes, and what it makes of the broker.

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A talk is rooms of one size, and what is said in all of them together.
type talk struct {
	room float64 // clients
	rate float64 // messages a second
}

// A scenario is what users do.
type scenario struct {
	users    float64
	rooms    []talk
	all      float64 // messages a second to all users
	connects float64 // a second
	joins    float64 // of rooms that begin, a second; as many end
	fetches  float64 // of all sockets, a second
	text     float64 // bytes of a message's text
}

// heartbeat is how often a client is asked whether it is there, in seconds: PING_INTERVAL.
const heartbeat = 25

// machines are what there is. What may be used of it stays below busy, a share.
type machines struct {
	cores       float64 // of a node
	memory      float64 // of a node, in bytes
	connections float64 // of a node
	busy        float64
	brokerCores float64 // of each NATS server; Redis uses one
	network     float64 // of the broker, one way, in bytes a second
	spare       int     // how many nodes may be gone
	most        int     // nodes
}

// usage is what a scenario takes of n nodes.
type usage struct {
	nodes     int
	cpu       float64 // of each node, in cores
	memory    float64 // of each node, in bytes
	clients   float64 // of each node
	brokerCPU float64 // in cores
	in, out   float64 // of the broker, in bytes a second
}

// work is what a scenario has n nodes do in a second.
func (m *model) work(s scenario, n float64) work {
	w := work{seconds: 1, nodes: n, pings: s.users / heartbeat, connects: s.connects}
	w.change(m.adapter, 2*s.joins)
	alone, rate := 0.0, 0.0 // how likely a client is the only one of its room on its node
	for _, t := range s.rooms {
		w.say(m.adapter, t.rate, holders(n, t.room), t.rate*t.room)
		alone += t.rate * math.Pow(1-1/n, t.room-1)
		rate += t.rate
	}
	w.say(m.adapter, s.all, n, s.all*s.users)
	if rate > 0 {
		w.subscribe(m.adapter, 2*s.connects*alone/rate) // one comes for each that goes
	}
	w.fetch(s.fetches, s.users)
	return w
}

// usage is what each of n nodes, and the broker, use.
func (m *model) usage(s scenario, n int) usage {
	w := m.work(s, float64(n))
	longer := s.text - float64(m.text)
	return usage{
		nodes: n, cpu: m.nodeCPU().of(&w) / w.nodes, clients: s.users / w.nodes,
		memory: m.base + s.users/w.nodes*m.connection, brokerCPU: m.brokerCPU().of(&w),
		in: m.brokerIn().of(&w) + w.messages*longer, out: m.brokerOut().of(&w) + w.copies*longer,
	}
}

// A share is how much of something is used, of what may be.
type share struct {
	what string
	part float64
}

// ends is what ends first.
func ends(shares []share) share {
	most := shares[0]
	for _, s := range shares {
		if s.part > most.part {
			most = s
		}
	}
	return most
}

func (u usage) ofNodes(h machines) []share {
	return []share{
		{"the nodes' CPU", u.cpu / (h.cores * h.busy)},
		{"the nodes' memory", u.memory / (h.memory * h.busy)},
		{"the nodes' connections", u.clients / h.connections},
	}
}

// An answer is what a scenario takes with one adapter.
type answer struct {
	*model
	use   usage
	parts int     // masters or servers of the broker
	first share   // what ends first
	why   string  // it does not do; "" if it does
	back  float64 // how long it takes until the clients of a node that dies are connected elsewhere, in seconds
}

// total is the cores that all of it uses.
func (a *answer) total() float64 { return a.use.cpu*float64(a.use.nodes) + a.use.brokerCPU }

// answer finds the least number of nodes, unless there is to be a certain one.
func (m *model) answer(s scenario, h machines, nodes int) *answer {
	a := &answer{model: m}
	for n := max(nodes, 1); ; n++ {
		a.use = m.usage(s, n)
		left := a.use // while as many are gone as may be
		if n > h.spare {
			left = m.usage(s, n-h.spare)
		}
		a.first = ends(left.ofNodes(h))
		if n > h.spare && a.first.part <= 1 || nodes > 0 {
			break
		}
		if n >= h.most {
			a.why = fmt.Sprintf("%s ends before %d nodes", a.first.what, h.most)
			return a
		}
	}
	if a.first.part > 1 {
		a.why = a.first.what + " ends"
	}
	a.ofBroker(s, h)
	if n := float64(a.use.nodes); n > 1 { // those of one node come back, each to the others' free time
		free := (n - 1) * h.cores * max(1-a.use.cpu/h.cores, 0.01)
		a.back = a.use.clients * m.nodeCPU().step(connectStep) / free
	}
	return a
}

// ofBroker says what becomes of the broker, and of requests that go through it.
func (a *answer) ofBroker(s scenario, h machines) {
	cores := 1.0
	if !a.redis {
		cores = h.brokerCores
	}
	cpu := share{"the broker's CPU", a.use.brokerCPU / (cores * h.busy)}
	net := share{"the broker's network", max(a.use.in, a.use.out) / (h.network * h.busy)}
	a.parts = 1
	if part := max(cpu.part, net.part); a.splits && part > 1 {
		a.parts = int(math.Ceil(part))
		cpu.part, net.part = cpu.part/float64(a.parts), net.part/float64(a.parts)
	}
	a.first = ends([]share{a.first, cpu, net})
	if a.first.part > 1 && a.why == "" {
		a.why = a.first.what + " ends"
	}
}

// choose returns the answer of the adapter to use: one that does, with about the least that all of it takes. Within a
// fifth the order of adapters decides, of which the first are simpler to run.
func choose(answers []*answer) *answer {
	least := math.Inf(1)
	for _, a := range answers {
		if a.why == "" {
			least = min(least, a.total())
		}
	}
	const same = 1.2
	for _, a := range answers {
		if a.why == "" && a.total() <= least*same {
			return a
		}
	}
	return nil
}

// parseRooms reads "15:2800,500:200": sizes of rooms, and messages a second in those.
func parseRooms(text string) (list []talk, err error) {
	for part := range strings.SplitSeq(text, ",") {
		size, rate, _ := strings.Cut(part, ":")
		var t talk
		if t.room, err = strconv.ParseFloat(size, 64); err == nil {
			t.rate, err = strconv.ParseFloat(rate, 64)
		}
		if err != nil || !(t.room >= 1) || !(t.rate >= 0) || math.IsInf(t.room+t.rate, 0) {
			return nil, fmt.Errorf("%q is no size of rooms and messages a second, as 15:3000 is", part)
		}
		list = append(list, t)
	}
	return list, nil
}
