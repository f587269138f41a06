package wire

// Whom a message is for.

import "encoding/json"

// A Selection is socketio.BroadcastOptions, without the Local flag: what is local does not travel. Package peerwire
// turns one into the other.
type Selection struct {
	Rooms, Except        []string
	Volatile, NoCompress bool
	Trace                string // not in Node.js, which passes over it
}

// Options are a Selection as it travels.
type Options struct {
	Rooms  []Room `json:"rooms"`
	Except []Room `json:"except"`
	Flags  *Flags `json:"flags,omitempty"`
	Trace  string `json:"traceparent,omitempty"`
}

// Flags are those of a Selection as they travel. Timeout is Node.js's, and not used here.
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

// NewOptions turns a Selection into Options.
func NewOptions(s Selection) Options {
	w := Options{
		Rooms: ToRooms(s.Rooms), Except: ToRooms(s.Except), Flags: &Flags{Volatile: s.Volatile}, Trace: s.Trace,
	}
	if s.NoCompress {
		w.Flags.Compress = new(bool)
	}
	return w
}

// Selection turns Options into a Selection.
func (w Options) Selection() Selection {
	s := Selection{Rooms: FromRooms(w.Rooms), Except: FromRooms(w.Except), Trace: w.Trace}
	if w.Flags != nil {
		s.Volatile = w.Flags.Volatile
		s.NoCompress = w.Flags.Compress != nil && !*w.Flags.Compress
	}
	return s
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
