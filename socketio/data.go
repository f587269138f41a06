package socketio

// The data of a socket: what a program keeps with it. It is JSON from the moment at which it is set, so that it is the
// same here, on another server and after recovery, and so that nobody encodes a value while a handler changes it.

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/brunossouza/websocket-escalonavel/socketio/parser"
)

// socketData is either whole, or entries, or both; neither is no data. Guarded by Socket.mu.
type socketData struct {
	whole   Raw         // zero while it has yet to be put together of entries
	entries []dataEntry // by key; they are only replaced
}

// A dataEntry is what a Key stands for.
type dataEntry struct {
	key   string
	raw   Raw
	value any // the value itself where it cannot be changed through a copy, else nil
}

// noData is what a socket's data is in Node as long as nobody sets it.
var noData = func() Raw { r, _ := NewRaw([]byte("{}")); return r }()

// SetData replaces the socket's data by a snapshot of data, encoded as an argument of Emit: what is changed in it later
// is not changed in the snapshot. Other servers see it (FetchSockets), and a client that resumes its session gets a
// socket with the same data. Node's servers have it as socket.data. Keys, which see to the types, share it where it is
// a JSON object. The error is that of encoding; the data stays as it was then.
func (s *Socket) SetData(data any) error {
	raw, err := parser.Marshal(data)
	if err != nil {
		return fmt.Errorf("socketio: set data: %w", err)
	}
	s.setData(raw)
	return nil
}

func (s *Socket) setData(raw Raw) {
	s.mu.Lock()
	s.data = newSocketData(raw)
	s.mu.Unlock()
	s.dataChanged()
}

func newSocketData(raw Raw) *socketData {
	if raw.IsZero() || string(raw.JSON()) == "null" {
		return nil
	}
	return &socketData{whole: raw}
}

// dataChanged tells the adapter. It is called without mu.
func (s *Socket) dataChanged() {
	if s.namespace == nil {
		return
	}
	if a, ok := s.namespace.adapter.(SessionObserver); ok {
		a.SessionChanged(s)
	}
}

// Data is a snapshot of what has been set, {} where nothing has. See Raw.Bind, and Key for values of one type.
func (s *Socket) Data() Raw {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.raw()
}

// raw puts the whole together, once.
func (d *socketData) raw() Raw {
	if d == nil {
		return noData
	}
	if d.whole.IsZero() {
		d.whole, _ = join(d.entries) // Key.Set has seen that it can be
	}
	return d.whole
}

func join(entries []dataEntry) (Raw, error) {
	m := make(map[string]Raw, len(entries))
	for _, e := range entries {
		m[e.key] = e.raw
	}
	return parser.Marshal(m)
}

// split finds the entries of a JSON object.
func split(whole Raw) ([]dataEntry, error) {
	var m map[string]Raw
	if err := whole.Bind(&m); err != nil {
		return nil, fmt.Errorf("socketio: the socket's data is no JSON object: %w", err)
	}
	entries := make([]dataEntry, 0, len(m))
	for key, raw := range m {
		entries = append(entries, dataEntry{key: key, raw: raw})
	}
	return entries, nil
}

// divide sees to it that the data is divided into entries.
func (d *socketData) divide() (err error) {
	if d.entries == nil && !d.whole.IsZero() {
		d.entries, err = split(d.whole)
	}
	return err
}

// A Key is a part of the data of sockets that has a type: the member of that name of the object that the data is.
// It is the same for a socket of this server, for one of another server that FetchSockets has found, and for one that
// has been resumed. A Key is a value and is best kept in a variable; any number of goroutines may use it.
type Key[T any] struct {
	name string
	flat bool
}

// NewKey returns the key of that name. T is anything that encoding/json takes both ways; byte slices stay binary.
// Numbers are JavaScript's: beyond 2^53 another server may see them rounded. The tag `json:",string"` keeps them
// exact.
func NewKey[T any](name string) Key[T] {
	return Key[T]{name: name, flat: isFlat(reflect.TypeFor[T]())}
}

// Set keeps a snapshot of value with s. The error is that of encoding, or says that the data of s has been set to
// something else than an object (Socket.SetData).
func (k Key[T]) Set(s *Socket, value T) error {
	raw, err := parser.Marshal(value)
	if err != nil {
		return fmt.Errorf("socketio: set %q: %w", k.name, err)
	}
	e := dataEntry{key: k.name, raw: raw}
	if k.flat {
		e.value = value
	}
	return s.changeData(func(entries []dataEntry) []dataEntry { return append(k.without(entries), e) })
}

// Delete removes what Set has set. The error says that the data of s is no object.
func (k Key[T]) Delete(s *Socket) error { return s.changeData(k.without) }

// without is a copy of entries without the key's.
func (k Key[T]) without(entries []dataEntry) []dataEntry {
	return slices.DeleteFunc(slices.Clone(entries), func(e dataEntry) bool { return e.key == k.name })
}

// changeData replaces the entries by what change makes of them.
func (s *Socket) changeData(change func([]dataEntry) []dataEntry) error {
	s.mu.Lock()
	d := s.data
	if d == nil {
		d = new(socketData)
	}
	if err := d.divide(); err != nil {
		s.mu.Unlock()
		return err
	}
	n := &socketData{entries: change(d.entries)}
	if n.large() {
		whole, err := join(n.entries)
		if err != nil { // nested too deeply
			s.mu.Unlock()
			return err
		}
		n.whole = whole
	}
	if s.data = n; len(n.entries) == 0 {
		s.data = nil
	}
	s.mu.Unlock()
	s.dataChanged()
	return nil
}

// large reports whether some entry is so large that it may be too deep for a member of an object.
func (d *socketData) large() bool {
	return slices.ContainsFunc(d.entries, func(e dataEntry) bool { return len(e.raw.JSON()) >= parser.MaxDepth })
}

// A DataHolder is a *Socket or a *RemoteSocket.
type DataHolder interface {
	// Data is all of the data.
	Data() Raw
	entry(key string) (dataEntry, bool)
}

var (
	_ DataHolder = (*Socket)(nil)
	_ DataHolder = (*RemoteSocket)(nil)
)

// Get returns what Set has set, on whichever server. The value is the caller's own: what is changed in it is changed
// nowhere else. ok is false where nothing is set, or something that is no T.
func (k Key[T]) Get(from DataHolder) (value T, ok bool) {
	e, ok := from.entry(k.name)
	if !ok {
		return value, false
	}
	if v, is := e.value.(T); is && k.flat {
		return v, true
	}
	return bound[T](e.raw)
}

// bound is what raw is as a T.
func bound[T any](raw Raw) (value T, ok bool) {
	if err := raw.Bind(&value); err != nil {
		var none T
		return none, false
	}
	return value, true
}

func (s *Socket) entry(key string) (dataEntry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil || s.data.divide() != nil {
		return dataEntry{}, false
	}
	return find(s.data.entries, key)
}

func (r *RemoteSocket) entry(key string) (dataEntry, bool) {
	entries, err := split(r.data)
	if err != nil {
		return dataEntry{}, false
	}
	return find(entries, key)
}

func find(entries []dataEntry, key string) (dataEntry, bool) {
	i := slices.IndexFunc(entries, func(e dataEntry) bool { return e.key == key })
	if i < 0 {
		return dataEntry{}, false
	}
	return entries[i], true
}

// isFlat reports whether a copy of a value of type t shares nothing with it, and whether its JSON says all of it.
func isFlat(t reflect.Type) bool {
	if parser.MarshalsItself(t) {
		return false
	}
	switch k := t.Kind(); {
	case k == reflect.Array:
		return isFlat(t.Elem())
	case k == reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); !f.IsExported() || f.Tag.Get("json") == "-" || !isFlat(f.Type) {
				return false
			}
		}
		return true
	default:
		return reflect.Bool <= k && k <= reflect.Float64 && k != reflect.Uintptr || k == reflect.String
	}
}
