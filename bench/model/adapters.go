package main

// How each adapter's messages travel, as the code of adapter and adapter/nats has it. All growth with the number of
// nodes comes from here; what a step costs is measured.

import (
	"math"
	"slices"
)

// An adapter is how one room message becomes messages of the broker.
type adapter struct {
	name string // ADAPTER
	// copies is how often the broker passes on what is said in a room of which k of n nodes have members, the
	// speaker's among them.
	copies func(n, k float64) float64
	// overheard is how many nodes get it, without having a member, and drop it.
	overheard func(n, k float64) float64
	// follows says that nodes subscribe to rooms, so that the broker has to do with each that begins or ends on a node.
	follows bool
	redis   bool
	// splits says that another master, or server, of the broker takes a part of the work.
	splits bool
}

func toAll(n, _ float64) float64     { return n }
func toRest(n, k float64) float64    { return n - k }
func toNone(_, _ float64) float64    { return 0 }
func toOthers(_, k float64) float64  { return k - 1 }
func toHolders(_, k float64) float64 { return k }

// adapters are in the order in which one is preferred where they cost the same.
var adapters = []adapter{
	// A pattern of each node brings it everything, its own messages too; it drops by name what has no member there.
	{name: "pubsub", copies: toAll, overheard: toRest, redis: true},
	// A channel for each room, to which nodes with members subscribe, the speaker's too.
	{name: "sharded", copies: toHolders, overheard: toNone, follows: true, redis: true, splits: true},
	// A subject for each room. A node does not get what it has said itself.
	{name: "nats", copies: toOthers, overheard: toNone, follows: true, splits: true},
	// All nodes read all of one stream.
	{name: "streams", copies: toAll, overheard: toRest, redis: true},
}

// adapterOf is the adapter of a name.
func adapterOf(name string) (adapter, bool) {
	for _, a := range adapters {
		if a.name == name {
			return a, true
		}
	}
	return adapter{}, false
}

// holders is on how many of n nodes a room of r clients has members, where each client is on any node.
func holders(n, r float64) float64 { return n * (1 - math.Pow(1-1/n, r)) }

// work is how often each step is done. Of a cluster it is that of all nodes together.
type work struct {
	seconds, nodes  float64 // how long, by how many nodes
	pings, connects float64
	messages        float64 // of clients
	said            float64 // to the broker
	copies          float64 // that the broker passes on of these
	turns, writes   float64 // at how many moments there is something for the broker, and then from it for a node
	received        float64 // of these, those that a node passes on to its clients
	overheard       float64 // and those that it drops, as nobody there is in the room
	deliveries      float64
	rooms           float64 // that clients join or leave, which begin or end by that
	subscriptions   float64 // that begin or end at the broker
	sockets         float64 // looked up by fetchSockets
	answered        float64 // of these, those that are in an answer to another node
}

// say adds what so many messages to a room mean, which k of the nodes have members of.
func (w *work) say(a adapter, messages, k, deliveries float64) {
	w.messages += messages
	w.said += messages
	w.copies += messages * a.copies(w.nodes, k)
	w.turns += messages // they come one by one
	w.writes += messages * a.copies(w.nodes, k)
	w.received += messages * (k - 1)
	w.overheard += messages * a.overheard(w.nodes, k)
	w.deliveries += deliveries
}

// wakes is how often processes are woken, so many of which have so much to do together. One that is at work, or has
// been until a moment ago, need not be woken: what it does is the cheaper, the more there is to do.
func (w *work) wakes(processes, events, moment float64) float64 {
	if w.seconds == 0 || processes == 0 {
		return 0
	}
	return events / (1 + events/processes/w.seconds*moment)
}

// awake is how long a broker stays awake that does so for a moment without nodes: writing to four takes about as long
// as waking, and more comes in meanwhile.
func (w *work) awake(moment float64) float64 { return moment * (1 + w.nodes/4) }

// change adds what it means that so many rooms begin or end on a node.
func (w *work) change(a adapter, rooms float64) {
	w.rooms += rooms
	w.subscribe(a, rooms)
}

// subscribe adds what that means for the broker, which a node tells of all that has changed in 2 ms.
func (w *work) subscribe(a adapter, rooms float64) {
	if a.follows {
		w.subscriptions += rooms
		w.turns += min(rooms, 500*w.nodes*w.seconds)
	}
}

// hear adds what it means that a further node says so many messages, and that each of the others, or none, has a member
// of the rooms. It says a millisecond's worth at a time: see bench/cluster/node. What that one does itself is not
// counted.
func (w *work) hear(a adapter, messages float64, members bool, deliveries float64) {
	w.said += messages
	k := 0.0
	if members {
		k = w.nodes
		w.received += messages * k
	}
	w.deliveries += deliveries
	if a.overheard(w.nodes, 0) > 0 {
		w.copies += messages * (w.nodes + 1)
		w.overheard += messages * (w.nodes - k)
	} else {
		w.copies += messages * k
	}
	if messages > 0 {
		turns := min(messages, 1000*w.seconds)
		w.turns += turns
		w.writes += turns * w.copies / messages
	}
}

// fetch adds what it means that so many times all of so many sockets are asked for. Answers go to who has asked, on all
// adapters.
func (w *work) fetch(times, sockets float64) {
	w.sockets += times * sockets
	w.answered += times * sockets * (w.nodes - 1) / w.nodes
}

// A step is something whose cost is to be found. The moment is how long a process stays awake, in seconds.
type step struct {
	name string
	of   func(w *work, moment float64) float64
}

func simply(of func(w *work) float64) func(*work, float64) float64 {
	return func(w *work, _ float64) float64 { return of(w) }
}

// others are the pairs of nodes, a second.
func others(w *work) float64 { return w.seconds * w.nodes * (w.nodes - 1) }

// nodeSteps are what takes CPU of nodes.
var nodeSteps = []step{
	{"a node, a second", simply(func(w *work) float64 { return w.seconds * w.nodes })},
	{"for each other node, a second", simply(others)},
	{"a heartbeat of a client", simply(func(w *work) float64 { return w.pings })},
	{connectStep, simply(func(w *work) float64 { return w.connects })},
	{"a node is woken", func(w *work, moment float64) float64 {
		return w.wakes(w.nodes, w.messages+w.writes+w.rooms, moment)
	}},
	{"a message of a client", simply(func(w *work) float64 { return w.messages })},
	{"a message of another node, for rooms here", simply(func(w *work) float64 { return w.received })},
	{"one for other rooms", simply(func(w *work) float64 { return w.overheard })},
	{"a delivery", simply(func(w *work) float64 { return w.deliveries })},
	{"a room that begins or ends", simply(func(w *work) float64 { return w.rooms })},
	{"a socket that is fetched", simply(func(w *work) float64 { return w.sockets })},
	{answerStep, simply(func(w *work) float64 { return w.answered })},
}

// brokerSteps are what takes CPU of the broker, and bytes.
var brokerSteps = []step{
	{"the broker, a second", simply(func(w *work) float64 { return w.seconds })},
	{"a node, a second", simply(func(w *work) float64 { return w.seconds * w.nodes })},
	{"for each other node, a second", simply(others)},
	{wokenStep, func(w *work, moment float64) float64 { return w.wakes(1, w.turns, w.awake(moment)) }},
	{writesStep, func(w *work, moment float64) float64 { return w.wakes(w.nodes, w.writes, w.awake(moment)) }},
	{"a message", simply(func(w *work) float64 { return w.said })},
	{"a node that gets it", simply(func(w *work) float64 { return w.copies })},
	{"a node's subscription to a room", simply(func(w *work) float64 { return w.subscriptions })},
	{socketStep, simply(func(w *work) float64 { return w.answered })},
}

// Steps of the broker: waking up, writing to nodes, and a socket in an answer.
const (
	wokenStep  = "the broker is woken"
	writesStep = "it has something for a node"
	socketStep = "a socket that is fetched from another node"
)

// byteSteps are what takes bytes of the broker's network: the same, but for its own work.
var byteSteps = slices.DeleteFunc(slices.Clone(brokerSteps), func(s step) bool { return s.name == wokenStep })
