// Package peerwire has what of package socketio's own travels between servers: selections of sockets, and sockets.
package peerwire

// Whom a message is for.

import (
	"github.com/brunossouza/websocket-escalonavel/adapter/internal/wire"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Selection is what travels of opts.
func Selection(opts socketio.BroadcastOptions) wire.Selection {
	return wire.Selection{
		Rooms: opts.Rooms, Except: opts.Except,
		Volatile: opts.Flags.Volatile, NoCompress: opts.Flags.NoCompress,
		Trace: opts.Trace,
	}
}

// BroadcastOptions are those that have travelled as s.
func BroadcastOptions(s wire.Selection) socketio.BroadcastOptions {
	return socketio.BroadcastOptions{
		Rooms: s.Rooms, Except: s.Except,
		Flags: socketio.BroadcastFlags{Volatile: s.Volatile, NoCompress: s.NoCompress},
		Trace: s.Trace,
	}
}
