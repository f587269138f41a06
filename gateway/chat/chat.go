package chat

// The one room, the two events, and what the Nest service answered to them.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/internal/turns"
	"github.com/brunossouza/websocket-escalonavel/public"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// Room is the room that clients are put in when they register.
const Room = "roomChatTest"

// Events, in the spelling of the frontends.
const (
	eventRegister   = "registrar"
	eventRegistered = "registrado"
	eventMessages   = "messages"
	eventException  = "exception"
)

// maxLoggedText is how many bytes of a message's text a log line shows.
const maxLoggedText = 500

// A Service is the chat, for gateway.New. The zero value is ready to be started.
type Service struct{}

// Settings implements gateway.Service: there are none.
func (*Service) Settings() []gateway.Setting { return nil }

// Start implements gateway.Service: it sets the chat's handlers on the namespace /, and serves the page.
func (*Service) Start(io *socketio.Server, node gateway.Node) (gateway.Parts, error) {
	_, embedded := public.Client()
	if !embedded {
		node.Log.Warn("no client bundles in this build: the page loads the client from the public CDN",
			"url", public.CDNClient)
	}
	site, err := newSite(!embedded)
	if err != nil {
		return gateway.Parts{}, err
	}
	h := &handlers{io: io, hostname: node.Hostname, log: node.Log}
	io.OnConnect(h.connected)
	io.OnDisconnect(h.disconnected)
	io.On(eventRegister, h.register)
	io.On(eventMessages, h.message)
	return gateway.Parts{Route: site.route}, nil
}

// handlers hold what they need to answer; one value serves all sockets.
type handlers struct {
	io       *socketio.Server
	hostname string
	log      *slog.Logger
}

// registered is the data of eventRegistered.
type registered struct {
	Room string `json:"room"`
}

// message is the data of eventMessages as it goes out. What its sender left out stays out; the rest keeps the JSON text
// and the binary data that it came with.
type message struct {
	Nickname socketio.Raw `json:"nickname,omitzero"`
	Message  socketio.Raw `json:"message,omitzero"`
	Server   string       `json:"server"`
}

// longText is the size from which a text is not given to encoding/json, which reads it several times, in bytes.
const longText = 16 << 10

// arg is the argument to be emitted: the same JSON as the message, put together at less cost where the text is long.
func (m message) arg() any {
	if len(m.Message.JSON()) < longText || !isString(m.Message) || !isString(m.Nickname) {
		return m
	}
	server, err := json.Marshal(m.Server)
	if err != nil {
		return m
	}
	text := make([]byte, 0, len(m.Nickname.JSON())+len(m.Message.JSON())+len(server)+40)
	text = turns.Append(append(text, `{"nickname":`...), m.Nickname.JSON())
	text = turns.Append(append(text, `,"message":`...), m.Message.JSON())
	text = append(append(append(text, `,"server":`...), server...), '}')
	raw, err := socketio.NewRaw(text)
	if err != nil {
		return m
	}
	return raw
}

// isString reports whether r is a JSON string.
func isString(r socketio.Raw) bool { return bytes.HasPrefix(r.JSON(), []byte{'"'}) }

// exception is the data of eventException: what Nest's filter makes of an error that a handler did not expect.
type exception struct {
	Status  string         `json:"status"`
	Message string         `json:"message"`
	Cause   exceptionCause `json:"cause"`
}

type exceptionCause struct {
	Pattern string       `json:"pattern"`
	Data    socketio.Raw `json:"data,omitzero"`
}

func (h *handlers) connected(s *socketio.Socket) error {
	h.log.Debug("client connected", "id", s.ID())
	return nil
}

func (h *handlers) disconnected(s *socketio.Socket, reason socketio.Reason) {
	h.log.Debug("client disconnected", "id", s.ID(), "reason", reason)
}

// register puts the socket in the room and confirms it, each time it is asked to, whatever data came along.
func (h *handlers) register(e *socketio.Event) error {
	s := e.Socket()
	s.Join(Room)
	h.log.Debug("client registered", "id", s.ID(), "room", Room)
	return s.Emit(eventRegistered, registered{Room})
}

// message sends what came to every room that its sender is in: to all in the chat's room, or to the sender alone if it
// has not registered, because each socket is in a room of its own id.
func (h *handlers) message(e *socketio.Event) error {
	s := e.Socket()
	if data := e.Raw(0); e.Len() < 2 && isNothing(data) {
		h.log.Warn("message without data", "id", s.ID())
		return s.Emit(eventException, exception{
			Status:  "error",
			Message: "Internal server error",
			Cause:   exceptionCause{Pattern: eventMessages, Data: data},
		})
	}
	out := message{Server: h.hostname}
	if err := bindMessage(e, &out); err != nil {
		return err
	}
	rooms := s.Rooms()
	if len(rooms) == 0 { // it is closing
		rooms = []string{Room}
	}
	if h.log.Enabled(context.Background(), slog.LevelDebug) {
		// Personal data: at this level only.
		h.log.Debug("message received", "id", s.ID(), "rooms", rooms,
			"nickname", loggable(out.Nickname), "message", loggable(out.Message))
	}
	return h.io.WithContext(e.Context()).To(rooms...).Emit(eventMessages, out.arg())
}

// bindMessage takes nickname and message from the event. Only a single object has them: Nest gives its handler several
// arguments as an array, and an array, a string or a number has no property of these names.
//
// It binds to a map, because with a struct's fields encoding/json matches keys of any case.
func bindMessage(e *socketio.Event, out *message) error {
	if e.Len() != 1 {
		return nil
	}
	fields, ok := e.Raw(0).Fields()
	if !ok {
		var other *json.UnmarshalTypeError // what came is no object
		if err := e.Bind(&fields); err != nil && !errors.As(err, &other) {
			return err
		}
	}
	out.Nickname, out.Message = fields["nickname"], fields["message"]
	return nil
}

// isNothing reports whether r is null or was not sent.
func isNothing(r socketio.Raw) bool {
	return r.IsZero() || string(r.JSON()) == "null"
}

// loggable is the beginning of r's text.
func loggable(r socketio.Raw) string {
	text := string(r.JSON()[:min(len(r.JSON()), maxLoggedText)])
	if len(r.JSON()) > maxLoggedText {
		text += "…"
	}
	return text
}
