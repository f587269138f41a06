package gateway

// The chat: the one room, the two events, and what the Nest service answered to them.

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

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

// chat holds what the handlers need; one serves all sockets.
type chat struct {
	io       *socketio.Server
	hostname string
	log      *slog.Logger
}

// registered is the data of eventRegistered.
type registered struct {
	Room string `json:"room"`
}

// message is the data of eventMessages as it goes out. What its sender left out stays out; what it sent passes through
// with its JSON text and binary data as they came.
type message struct {
	Nickname socketio.Raw `json:"nickname,omitzero"`
	Message  socketio.Raw `json:"message,omitzero"`
	Server   string       `json:"server"`
}

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

// serveChat sets the chat's handlers on the namespace /.
func serveChat(io *socketio.Server, hostname string, log *slog.Logger) {
	c := &chat{io: io, hostname: hostname, log: log}
	io.OnConnect(c.connected)
	io.OnDisconnect(c.disconnected)
	io.On(eventRegister, c.register)
	io.On(eventMessages, c.message)
}

func (c *chat) connected(s *socketio.Socket) error {
	c.log.Debug("client connected", "id", s.ID())
	return nil
}

func (c *chat) disconnected(s *socketio.Socket, reason socketio.Reason) {
	c.log.Debug("client disconnected", "id", s.ID(), "reason", reason)
}

// register puts the socket in the room and confirms it, each time it is asked to, whatever data came along.
func (c *chat) register(e *socketio.Event) error {
	s := e.Socket()
	s.Join(Room)
	c.log.Debug("client registered", "id", s.ID(), "room", Room)
	return s.Emit(eventRegistered, registered{Room})
}

// message sends what came to every room that its sender is in: to all in the chat's room, or, because each socket is
// in a room of its own id, to itself alone if it has not registered.
func (c *chat) message(e *socketio.Event) error {
	s := e.Socket()
	if data := e.Raw(0); e.Len() < 2 && isNothing(data) {
		c.log.Warn("message without data", "id", s.ID())
		return s.Emit(eventException, exception{
			Status:  "error",
			Message: "Internal server error",
			Cause:   exceptionCause{Pattern: eventMessages, Data: data},
		})
	}
	out := message{Server: c.hostname}
	if err := bindMessage(e, &out); err != nil {
		return err
	}
	rooms := s.Rooms()
	if len(rooms) == 0 { // it is closing
		rooms = []string{Room}
	}
	if c.log.Enabled(context.Background(), slog.LevelDebug) {
		// Personal data: at this level only.
		c.log.Debug("message received", "id", s.ID(), "rooms", rooms, "nickname", loggable(out.Nickname), "message", loggable(out.Message))
	}
	return c.io.To(rooms...).Emit(eventMessages, out)
}

// bindMessage takes nickname and message from the event. Only a single object has them: Nest gave its handler several
// arguments as an array, and looking those names up in an array, a string or a number finds nothing.
//
// It binds to a map because the fields of a struct would match keys of any case, as encoding/json has it.
func bindMessage(e *socketio.Event, out *message) error {
	if e.Len() != 1 {
		return nil
	}
	var fields map[string]socketio.Raw
	var other *json.UnmarshalTypeError // what came is no object
	if err := e.Bind(&fields); err != nil && !errors.As(err, &other) {
		return err
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
