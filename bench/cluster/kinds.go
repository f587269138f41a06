//go:build linux

package main

// What is measured: nodes of ours and of Node.js, with each of their adapters.

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// A kind is a node with an adapter.
type kind struct {
	name    string // "sharded", "node-sharded"
	title   string
	adapter string // ADAPTER
	node    bool   // Node.js
}

// ours reports whether a node is this project's.
func (k kind) ours() bool { return !k.node }

// recovers reports whether a session can be resumed at another node.
func (k kind) recovers() bool { return k.adapter == "streams" }

// kinds are all, ours first.
var kinds = []kind{
	{name: "pubsub", title: "ours, Pub/Sub", adapter: "pubsub"},
	{name: "sharded", title: "ours, sharded Pub/Sub", adapter: "sharded"},
	{name: "streams", title: "ours, streams", adapter: "streams"},
	{name: "nats", title: "ours, NATS", adapter: "nats"},
	{name: "node-pubsub", title: "Node.js, redis-adapter", adapter: "pubsub", node: true},
	{name: "node-sharded", title: "Node.js, redis-adapter, sharded", adapter: "sharded", node: true},
	{name: "node-streams", title: "Node.js, redis-streams-adapter", adapter: "streams", node: true},
}

// choose returns the kinds with these names, separated by commas; all for "".
func choose(names string) (chosen []kind, err error) {
	if names == "" {
		return kinds, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, k := range kinds {
			if k.name == name {
				chosen, found = append(chosen, k), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no kind of node is called %q", name)
		}
	}
	return chosen, nil
}

// programs are where the nodes' programs are.
type programs struct{ ours, node string }

// build builds the node of ours, and looks for what Node.js's needs.
func build(ctx context.Context, chosen []kind) (p programs, err error) {
	const module = "github.com/brunossouza/websocket-escalonavel"
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return p, fmt.Errorf("find the project: %w", err)
	}
	root := strings.TrimSpace(string(out))
	p.ours = filepath.Join(root, "bin", "bench", "clusternode")
	p.node = filepath.Join(root, "bench", "cluster", "node", "main.mjs")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", p.ours, "./cluster/node")
	cmd.Dir = filepath.Join(root, "bench")
	if out, err := cmd.CombinedOutput(); err != nil {
		return p, fmt.Errorf("build the node: %w\n%s", err, out)
	}
	for _, k := range chosen {
		if k.node {
			for _, other := range peer.All() {
				if other.Name == "node-ws" {
					return p, peer.Prepare(ctx, other)
				}
			}
			return p, errors.New("bench/peer has no node-ws")
		}
	}
	return p, nil
}

// limits let all clients in, whose addresses are few. They cost what they cost, but are not reached.
var limits = []string{
	"MAX_CONNECTIONS_PER_ADDRESS=1000000", "MAX_SESSIONS_PER_ADDRESS=1000000", "HANDSHAKE_RATE=1000000",
	"MESSAGE_RATE=100000000", "BYTE_RATE=2000000000",
}

// recoveryTime is for how long a session can be resumed, in milliseconds.
const recoveryTime = 120_000

// peerOf is how a node of a kind is started. A broker is "" for one in memory.
func (p programs) peerOf(k kind, broker string, recovers bool, extra ...string) *peer.Peer {
	return &peer.Peer{
		Name: k.name, Title: k.title, Protocol: peer.SocketIO,
		Command: func(o peer.Options) (argv, env []string) {
			env = append([]string{"HOST=127.0.0.1", "PORT=" + strconv.Itoa(o.Port), "NODE_ENV=production"}, extra...)
			switch {
			case broker == "":
				env = append(env, "ADAPTER=memory")
			case k.adapter == "nats":
				env = append(env, "ADAPTER=nats", "NATS_URL="+broker)
			default:
				env = append(env, "ADAPTER="+k.adapter, "REDIS_URL="+broker)
			}
			if recovers {
				env = append(env, "RECOVERY="+strconv.Itoa(recoveryTime))
			}
			if k.node {
				return []string{"node", p.node}, env
			}
			return []string{p.ours}, append(env, limits...)
		},
	}
}
