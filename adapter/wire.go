package adapter

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Types that stand in the messages of all three protocols, as Node's adapters write them.

// wireOptions select sockets.
type wireOptions struct {
	Rooms  []wireRoom `json:"rooms"`
	Except []wireRoom `json:"except"`
	Flags  *wireFlags `json:"flags,omitempty"`
}

type wireFlags struct {
	Volatile bool  `json:"volatile,omitempty"`
	Compress *bool `json:"compress,omitempty"`
	Timeout  int64 `json:"timeout,omitempty"` // ms
}

// A wireRoom is a room's name; JavaScript lets it be a number.
type wireRoom string

func (r *wireRoom) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		*r = wireRoom(b)
		return nil
	}
	return json.Unmarshal(b, (*string)(r))
}

func newWireOptions(opts socketio.BroadcastOptions) wireOptions {
	w := wireOptions{Rooms: toWireRooms(opts.Rooms), Except: toWireRooms(opts.Except), Flags: &wireFlags{}}
	w.Flags.Volatile = opts.Flags.Volatile
	if opts.Flags.NoCompress {
		w.Flags.Compress = new(bool)
	}
	return w
}

func (w wireOptions) options() socketio.BroadcastOptions {
	opts := socketio.BroadcastOptions{Rooms: fromWireRooms(w.Rooms), Except: fromWireRooms(w.Except)}
	if w.Flags != nil {
		opts.Flags.Volatile = w.Flags.Volatile
		opts.Flags.NoCompress = w.Flags.Compress != nil && !*w.Flags.Compress
	}
	return opts
}

func toWireRooms(rooms []string) []wireRoom {
	list := make([]wireRoom, len(rooms)) // never null
	for i, r := range rooms {
		list[i] = wireRoom(r)
	}
	return list
}

func fromWireRooms(rooms []wireRoom) []string {
	list := make([]string, len(rooms))
	for i, r := range rooms {
		list[i] = string(r)
	}
	return list
}

// A wireSocket is a socket in the answer to fetchSockets.
type wireSocket struct {
	ID        string          `json:"id"`
	Handshake wireHandshake   `json:"handshake"`
	Rooms     []wireRoom      `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

type wireHandshake struct {
	Headers map[string]json.RawMessage `json:"headers"`
	Time    string                     `json:"time"`
	Address string                     `json:"address"`
	XDomain bool                       `json:"xdomain"`
	Secure  bool                       `json:"secure"`
	Issued  float64                    `json:"issued"` // ms since 1970
	URL     string                     `json:"url"`
	Query   map[string]json.RawMessage `json:"query"`
	Auth    json.RawMessage            `json:"auth,omitempty"`
}

// dateString is the format of JavaScript's Date.prototype.toString.
const dateString = "Mon Jan 02 2006 15:04:05 GMT-0700 (MST)"

func newWireSocket(s *socketio.RemoteSocket) wireSocket {
	w := wireSocket{ID: s.ID(), Rooms: toWireRooms(s.Rooms())}
	w.Data = s.Data().Inline()
	if h := s.Handshake(); h != nil {
		w.Handshake = wireHandshake{
			Headers: wireHeaders(h), Query: wireValues(h.Query, false),
			Time: h.Time.Format(dateString), Issued: float64(h.Time.UnixMilli()),
			Address: h.Address, XDomain: h.XDomain, Secure: h.Secure, URL: h.URL, Auth: h.Auth.JSON(),
		}
	}
	return w
}

// wireHeaders are the headers with the one that Go keeps apart.
func wireHeaders(h *socketio.Handshake) map[string]json.RawMessage {
	m := wireValues(h.Headers, true)
	if h.Host != "" {
		m["host"], _ = json.Marshal(h.Host) // a string
	}
	return m
}

// wireValues are headers, or a query, as Node has them: a string each, or an array where there are several.
func wireValues(values map[string][]string, lower bool) map[string]json.RawMessage {
	m := make(map[string]json.RawMessage, len(values))
	for name, list := range values {
		if lower {
			name = strings.ToLower(name)
		}
		var v any = list
		switch {
		case len(list) == 1:
			v = list[0]
		case lower:
			v = strings.Join(list, ", ")
		}
		m[name], _ = json.Marshal(v) // strings
	}
	return m
}

func fromWireValues(m map[string]json.RawMessage, set func(name, value string)) {
	for name, raw := range m {
		var one string
		var many []string
		if json.Unmarshal(raw, &one) == nil {
			set(name, one)
		} else if json.Unmarshal(raw, &many) == nil {
			for _, v := range many {
				set(name, v)
			}
		}
	}
}

// remote returns the socket for this server's callers. Placeholders in its data refer to attachments.
func (w wireSocket) remote(ns *socketio.Namespace, attachments ...[]byte) (*socketio.RemoteSocket, error) {
	h := &socketio.Handshake{
		Headers: make(http.Header), Query: make(url.Values), Address: w.Handshake.Address, URL: w.Handshake.URL,
		XDomain: w.Handshake.XDomain, Secure: w.Handshake.Secure, Time: time.UnixMilli(int64(w.Handshake.Issued)),
	}
	fromWireValues(w.Handshake.Headers, h.Headers.Add)
	fromWireValues(w.Handshake.Query, h.Query.Add)
	h.Host = h.Headers.Get("Host")
	h.Headers.Del("Host")
	if len(w.Handshake.Auth) > 0 {
		h.Auth, _ = socketio.NewRaw(w.Handshake.Auth)
	}
	var data socketio.Raw
	if len(w.Data) > 0 {
		data, _ = socketio.NewRaw(w.Data, attachments...)
	}
	return ns.NewRemoteSocket(w.ID, h, fromWireRooms(w.Rooms), data)
}
