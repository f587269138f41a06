//go:build linux

package workload

// The workloads, in the order of the report.

import (
	"fmt"
	"time"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// Who takes part, if not everybody does.
var (
	chats   = []string{"ours", "ours-memory", "nest", "nest12", "node-ws", "uws", "bun"}
	main5   = []string{"ours", "nest", "node-ws", "uws", "floor"}
	most    = []string{"ours", "nest", "node-ws", "uws", "bun"}
	pair    = []string{"ours", "nest"}
	chat    = []peer.Feature{peer.Chat}
	extra   = []peer.Feature{peer.Extra}
	polling = []peer.Feature{peer.Chat, peer.Polling}
)

// connecting is roughly what a start, 1,000 connections and an end take.
const connecting = time.Second

// All returns the workloads. Their descriptions contain the numbers of the settings.
func All(s Settings) []*Workload {
	room := fmt.Sprintf("One room of %d WebSocket clients", s.Clients)
	all := []*Workload{
		{
			Name: "fanout-w1",
			Measures: room + ", one message of 64 bytes in flight: the next is sent when the last client has the one " +
				"before.",
			Needs: chat, Raw: true, Peers: main5, Takes: connecting, Spans: 1, run: fanout(1, 0, textSize),
		},
		{
			Name:     "fanout-w16",
			Measures: room + ", 16 messages in flight: each is, until the last client has it.",
			Needs:    chat, Raw: true, Quick: true, Takes: connecting, Spans: 1, run: fanout(16, 0, textSize),
		},
		{
			Name:     "fanout-w64",
			Measures: room + ", 64 messages in flight.",
			Needs:    chat, Raw: true, Takes: connecting, Spans: 1, run: fanout(64, 0, textSize),
		},
		{
			Name: "fanout-20",
			Measures: room + ", 20 messages per second whatever becomes of them; latency from the time at which a " +
				"message was meant to be sent, at all clients.",
			Needs: chat, Raw: true, Quick: true, Takes: connecting, Spans: 1, run: fanout(0, 20, textSize),
		},
		{
			Name:     "rooms-100x10",
			Measures: "100 rooms of 10 clients, one message in flight in each.",
			Needs:    extra, Quick: true, Peers: chats, Takes: connecting, Spans: 1, run: rooms(100, 10, 1),
		},
		{
			Name:     "rooms-w16",
			Measures: "100 rooms of 10 clients, 16 messages in flight in each.",
			Needs:    extra, Quick: true, Peers: most, Takes: connecting, Spans: 1, run: rooms(100, 10, 16),
		},
		{
			Name:     "echo-quiet",
			Measures: "One WebSocket client that sends a text and waits for it to come back: what an event takes.",
			Needs:    extra, Peers: []string{}, Takes: 700 * time.Millisecond, Spans: 1, run: echo(1, false),
		},
		{
			Name:     "echo-ack",
			Measures: "100 clients, each with one request in flight that is acknowledged with its own text.",
			Needs:    extra, Quick: true, Peers: chats, Takes: 700 * time.Millisecond, Spans: 1, run: echo(100, false),
		},
		{
			Name:     "size-1k",
			Measures: room + ", messages of 1 KB, 16 in flight (64 bytes is fanout-w16).",
			Needs:    chat, Raw: true, Peers: main5, Rounds: 1, Takes: connecting, Spans: 1, run: fanout(16, 0, 1<<10),
		},
		{
			Name:     "size-16k",
			Measures: room + ", messages of 16 KB, 16 in flight.",
			Needs:    chat, Raw: true, Peers: main5, Rounds: 1, Takes: connecting, Spans: 1, run: fanout(16, 0, 16<<10),
		},
		{
			Name:     "binary-1k",
			Measures: room + ", each message a binary attachment of 1 KB, 16 in flight.",
			Needs:    extra, Peers: most, Rounds: 1, Takes: connecting, Spans: 1, run: binary(16, 1<<10),
		},
		{
			Name:     "polling-fanout",
			Measures: "One room of 200 clients that all use HTTP long-polling, 4 messages in flight.",
			Needs:    polling, Quick: true, Peers: chats, Takes: 700 * time.Millisecond, Spans: 1,
			run: pollingFanout(200, 4),
		},
		{
			Name: "polling-echo",
			Measures: "100 long-polling clients, each with one request in flight: a POST, and the acknowledgement in " +
				"a GET.",
			Needs: []peer.Feature{peer.Extra, peer.Polling}, Peers: chats, Takes: 700 * time.Millisecond, Spans: 1,
			run: echo(100, true),
		},
		{
			Name: "storm",
			Measures: fmt.Sprintf("%d clients connect at once (no more than 400 of them on their way at a time): "+
				"WebSocket handshake, CONNECT, registration.", s.Storm),
			Needs: chat, Quick: true, Takes: 2 * time.Second, run: storm,
		},
		{
			Name: "storm-jwt",
			Measures: fmt.Sprintf("%d clients connect at once, each with a token (ES256) of its own, against the same "+
				"without, in turns; and with the same tokens once more.", s.Storm),
			Needs: chat, Peers: []string{"ours"}, Rounds: 1, Takes: 15 * time.Second, run: stormJWT,
		},
		{
			Name: "storm-proxy",
			Measures: fmt.Sprintf("%d clients connect at once as in production: the server takes pages of two origins "+
				"only, and the requests come with the headers of a proxy, from 250 addresses.", s.Storm),
			Needs: []peer.Feature{peer.Chat, peer.Origins}, Takes: 2 * time.Second, run: stormProxy,
		},
		{
			Name: "idle-memory",
			Measures: fmt.Sprintf("Resident memory of the server with 0, %d, %d and %d idle WebSocket clients, a few "+
				"seconds after the last has connected.", s.Idle/3, s.Idle/3*2, s.Idle),
			Needs: chat, Raw: true, Quick: true, Rounds: 1, Takes: 4*s.Settle + 4*time.Second, run: idle,
		},
		{
			Name: "churn",
			Measures: room + ", 16 messages in flight, while 100 others join and leave it 500 times a second, " +
				"against the same without them, in turns.",
			Needs: extra, Peers: pair, Takes: connecting + time.Second, Spans: 1, run: churn,
		},
		{
			Name: "cluster-2",
			Measures: room + " on two nodes that share a core and a Redis, half on each; 16 messages in flight, each " +
				"until the last client on either node has it.",
			Needs: []peer.Feature{peer.Chat, peer.Cluster}, Rounds: 2, Takes: connecting + connecting/2, Spans: 1,
			run: cluster(16),
		},
		{
			Name: "slow-reader",
			Measures: room + ", 20 messages of 4 KB per second: the others' p99 with and without one more client " +
				"that does not read, and whether that one is closed at its limit of 128 KB.",
			Needs: chat, Peers: pair, Rounds: 2, Takes: connecting + drainFor, Spans: 4, run: slowReader,
		},
		{
			Name:     "startup",
			Measures: "The time from the execution of the server to the answer to the first client's CONNECT.",
			Needs:    chat, Raw: true, Quick: true, Peers: append([]string{"bun"}, main5...),
			Takes: 700 * time.Millisecond, run: startup,
		},
		{
			Name: "two-cores",
			Measures: room + ", 128 messages in flight, counted at one client in 64: the server on one core, then on " +
				"two of which it shares one with the load, which sweeps the other clients every 100 ms and waits for " +
				"them when they are behind.",
			Needs: []peer.Feature{peer.Chat, peer.TwoCores}, Raw: true, EqualFrames: true,
			Rounds: 2, Takes: 2 * connecting, Spans: 2, run: cores,
		},
	}
	of := ""
	for _, rate := range []float64{10, 50, 100, 200, 400, 800, 1600} {
		w := &Workload{
			Name: fmt.Sprintf("latency-%.0f", rate),
			Measures: room + fmt.Sprintf(", %.0f messages per second: latency from the intended time, for the plot "+
				"of latency against load.", rate),
			Needs: chat, Raw: true, Peers: main5, Rounds: 1, Takes: connecting, Spans: 1, Of: of,
			run: fanout(0, rate, textSize),
		}
		of = w.Name
		all = append(all, w)
	}
	return all
}
