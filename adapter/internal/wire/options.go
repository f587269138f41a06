package wire

// Whom a message is for.

import (
	"encoding/json"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Options are BroadcastOptions. That they have no Local flag is right: what is local does not travel.
type Options struct {
	Rooms  []Room `json:"rooms"`
	Except []Room `json:"except"`
	Flags  *Flags `json:"flags,omitempty"`
}

// Flags are BroadcastFlags, with those that Node.js servers add and nobody here needs.
type Flags struct {
	Volatile bool  `json:"volatile,omitempty"`
	Compress *bool `json:"compress,omitempty"`
	Timeout  int64 `json:"timeout,omitempty"` // ms
}

// A Room is a room's name. JavaScript lets it be a number.
type Room string

// UnmarshalJSON takes a string, and anything else as its text.
func (r *Room) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		*r = Room(b)
		return nil
	}
	return json.Unmarshal(b, (*string)(r))
}

// NewOptions are opts as they travel.
func NewOptions(opts socketio.BroadcastOptions) Options {
	w := Options{Rooms: ToRooms(opts.Rooms), Except: ToRooms(opts.Except), Flags: &Flags{}}
	w.Flags.Volatile = opts.Flags.Volatile
	if opts.Flags.NoCompress {
		w.Flags.Compress = new(bool)
	}
	return w
}

// Selection are the options for this server's use.
func (w Options) Selection() socketio.BroadcastOptions {
	opts := socketio.BroadcastOptions{Rooms: FromRooms(w.Rooms), Except: FromRooms(w.Except)}
	if w.Flags != nil {
		opts.Flags.Volatile = w.Flags.Volatile
		opts.Flags.NoCompress = w.Flags.Compress != nil && !*w.Flags.Compress
	}
	return opts
}

// ToRooms are rooms as they travel: [] where there are none, and never null.
func ToRooms(rooms []string) []Room {
	list := make([]Room, len(rooms))
	for i, r := range rooms {
		list[i] = Room(r)
	}
	return list
}

// FromRooms are rooms for this server's use.
func FromRooms(rooms []Room) []string {
	list := make([]string, len(rooms))
	for i, r := range rooms {
		list[i] = string(r)
	}
	return list
}
