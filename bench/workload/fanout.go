//go:build linux

package workload

// One large room, many small ones, messages of several sizes, binary messages, and two nodes.

import (
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/bench/load"
	"github.com/brunossouza/websocket-escalonavel/bench/peer"
)

// textSize is the text of an ordinary message, in bytes.
const textSize = 64

// fanout is the chat's room, with a window in flight or at a rate.
func fanout(window int64, rate float64, size int) func(*run) error {
	return func(r *run) error {
		addr, err := r.start(peer.Options{})
		if err != nil {
			return err
		}
		clients, err := r.connect(0, r.Clients, r.chat(addr))
		if err != nil {
			return err
		}
		if rate > 0 {
			r.result.Values["rate"] = rate
		}
		defer r.bytes(clients[0])
		return r.measure(r.oneRoom(clients, r.chatMessage(size), window, rate))
	}
}

// bytes adds to the result how many bytes on the wire the deliveries were.
func (r *run) bytes(c *load.Client) {
	if size := c.MessageSize(); size > 0 {
		r.result.Values["bytes_per_second"] = r.result.Values["deliveries_per_second"] * float64(size)
	}
}

// rooms is many small rooms, with a window in each.
func rooms(count, members int, window int64) func(*run) error {
	return func(r *run) error {
		addr, err := r.start(peer.Options{Extra: true})
		if err != nil {
			return err
		}
		var b broadcast
		b.window = window
		for i := range count {
			room := fmt.Sprintf("room%03d", i)
			clients, err := r.connect(i*members, members, r.joined(addr, room))
			if err != nil {
				return err
			}
			b.groups = append(b.groups, load.NewGroup(clients))
			b.senders = append(b.senders, clients[0])
			b.messages = append(b.messages, said(room, textSize))
		}
		return r.measure(r.newBroadcast(b))
	}
}

// binary is a room whose messages are an attachment of size bytes.
func binary(window int64, size int) func(*run) error {
	return func(r *run) error {
		addr, err := r.start(peer.Options{Extra: true})
		if err != nil {
			return err
		}
		clients, err := r.connect(0, r.Clients, r.joined(addr, "blobs"))
		if err != nil {
			return err
		}
		m := load.Binary(`451-["blob","blobs",{"_placeholder":true,"num":0}]`, size)
		return r.measure(r.oneRoom(clients, m, window, 0))
	}
}

// cluster is the chat's room on two nodes that share a Redis, half of the clients on each.
func cluster(window int64) func(*run) error {
	return func(r *run) error {
		var specs []load.Spec
		for range 2 {
			addr, err := r.start(peer.Options{RedisURL: r.Redis})
			if err != nil {
				return err
			}
			specs = append(specs, r.chat(addr))
		}
		clients, err := r.connect(0, r.Clients, specs...)
		if err != nil {
			return err
		}
		return r.measure(r.oneRoom(clients, r.chatMessage(textSize), window, 0))
	}
}
