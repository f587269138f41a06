package wire

// Whom a message is for.

import (
	"encoding/json"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Options are BroadcastOptions as they travel. They have no Local flag: what is local does not travel.
type Options struct {
	Rooms  []Room `json:"rooms"`
	Except []Room `json:"except"`
	Flags  *Flags `json:"flags,omitempty"`
}

// Flags are BroadcastFlags as they travel. Timeout is Node.js's, and not used here.
type Flags struct {
	Volatile bool  `json:"volatile,omitempty"`
	Compress *bool `json:"compress,omitempty"`
	Timeout  int64 `json:"timeout,omitempty"` // ms
}

// A Room is a room's name. JavaScript lets it be a number.
type Room string

// UnmarshalJSON takes a string, or the text of any other value.
func (r *Room) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		*r = Room(b)
		return nil
	}
	return json.Unmarshal(b, (*string)(r))
}

// NewOptions turns opts into Options.
func NewOptions(opts socketio.BroadcastOptions) Options {
	w := Options{Rooms: ToRooms(opts.Rooms), Except: ToRooms(opts.Except), Flags: &Flags{}}
	w.Flags.Volatile = opts.Flags.Volatile
	if opts.Flags.NoCompress {
		w.Flags.Compress = new(bool)
	}
	return w
}

// Selection turns Options into BroadcastOptions.
func (w Options) Selection() socketio.BroadcastOptions {
	opts := socketio.BroadcastOptions{Rooms: FromRooms(w.Rooms), Except: FromRooms(w.Except)}
	if w.Flags != nil {
		opts.Flags.Volatile = w.Flags.Volatile
		opts.Flags.NoCompress = w.Flags.Compress != nil && !*w.Flags.Compress
	}
	return opts
}

// ToRooms turns names into Rooms. It never returns nil, so that no rooms are [] in JSON.
func ToRooms(rooms []string) []Room {
	list := make([]Room, len(rooms))
	for i, r := range rooms {
		list[i] = Room(r)
	}
	return list
}

// FromRooms turns Rooms into names.
func FromRooms(rooms []Room) []string {
	list := make([]string, len(rooms))
	for i, r := range rooms {
		list[i] = string(r)
	}
	return list
}
