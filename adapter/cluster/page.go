package cluster

// Answers in pages: what a server has many of does not come in one message, for which a broker may end connections.

import (
	"container/heap"
	"errors"
	"slices"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// A Page is the part of an answer that is wanted. The zero value is all of it in one message, as Node.js's servers want
// and send it.
//
// A server that is asked for a page answers with its first sockets behind After, in the order of their ids, and with
// Message.More where there are others. It is then asked again, alone: so much is on its way at a time. A socket that is
// there all the time is in one page.
type Page struct {
	Bytes int    `json:"bytes"`           // about how long the answer may be, but for one socket; 0 or less: any length
	After string `json:"after,omitempty"` // sockets up to this id are left out
}

// How long pages are. All servers send one at the same moment, to the same connection.
const (
	allPages  = 12 << 20
	mostPage  = 256 << 10
	leastPage = 16 << 10
	// mostPages bounds how often one server is asked for more.
	mostPages = 1 << 16
)

var errPages = errors.New("a server's pages do not come to an end")

// firstPage is the page that n servers are asked for by a request of type t.
func firstPage(t Type, n int) Page {
	switch t {
	case FetchSockets, ListSockets, ListRooms:
		return Page{Bytes: max(leastPage, min(mostPage, allPages/max(n, 1)))}
	}
	return Page{}
}

// answerSockets answers a request for sockets, or for their ids.
func (a *Adapter) answerSockets(m *Message) {
	answer := Message{Type: FetchSocketsResponse, RequestID: m.RequestID}
	if m.Type == ListSockets {
		answer.Type = ListSocketsResponse
	}
	switch {
	case m.Page.Bytes > 0 && m.Sender != "":
		a.fill(&answer, m.Opts, m.Page)
	case m.Type == ListSockets:
		answer.SocketIDs, _ = a.MemoryAdapter.Sockets(a.ctx, m.Opts.Rooms...) // local work neither waits nor fails
	default:
		answer.Sockets, _ = a.MemoryAdapter.FetchSockets(a.ctx, m.Opts)
	}
	a.respond(m.Sender, answer)
}

// fill puts a page of this server's sockets into an answer. Only those in the page are looked at closely.
func (a *Adapter) fill(answer *Message, opts socketio.BroadcastOptions, page Page) {
	answer.Page = page
	left, last := page.Bytes, ""
	behind := byID(slices.DeleteFunc(a.LocalSockets(opts), func(s *socketio.Socket) bool {
		return s.ID() <= page.After
	}))
	heap.Init(&behind)
	for len(behind) > 0 {
		s := heap.Pop(&behind).(*socketio.Socket)
		id, size := s.ID(), len(s.ID())+len(`"",`)
		var remote *socketio.RemoteSocket
		if answer.Type == FetchSocketsResponse {
			var err error
			if remote, err = a.Namespace().NewRemoteSocket(id, s.Handshake(), s.Rooms(), s.Data()); err != nil {
				continue
			}
			size = wireSize(remote)
		}
		if size > left && last != "" {
			answer.More = last
			return
		}
		if left, last = left-size, id; remote != nil {
			answer.Sockets = append(answer.Sockets, remote)
		} else {
			answer.SocketIDs = append(answer.SocketIDs, id)
		}
	}
}

// byID is a heap of sockets, that with the first id on top.
type byID []*socketio.Socket

func (h byID) Len() int           { return len(h) }
func (h byID) Less(i, j int) bool { return h[i].ID() < h[j].ID() }
func (h byID) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byID) Push(x any)        { *h = append(*h, x.(*socketio.Socket)) }

func (h *byID) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	*h = (*h)[:last]
	return s
}

// wireSize is about how long a socket is in an answer.
func wireSize(s *socketio.RemoteSocket) int {
	const names, quotes = 240, len(`"":"",`)
	n := names + len(s.ID()) + len(s.Data().JSON())
	for _, b := range s.Data().Attachments() {
		n += len(b) * 4 / 3 // base64, as in JSON
	}
	for _, room := range s.Rooms() {
		n += len(room) + len(`"",`)
	}
	h := s.Handshake()
	n += len(h.Host) + len(h.URL) + len(h.Address) + len(h.Auth.JSON())
	for _, of := range []map[string][]string{h.Headers, h.Query} {
		for name, values := range of {
			n += len(name) + quotes
			for _, v := range values {
				n += len(v)
			}
		}
	}
	return n
}
