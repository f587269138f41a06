package admin

// What an admin may have done. A command that makes no sense does nothing; Node.js would make a namespace of any name.

import (
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// maxCommandText bounds the names in a command, in bytes.
const maxCommandText = 1 << 10

// A command is what an admin wants done to the sockets of a namespace, or of a room of it.
type command struct {
	name   string
	ns     *socketio.Namespace
	target socketio.BroadcastOperator
	room   string // "" stands for all sockets
}

// takeCommands sets the handlers. Their events come from sockets that admit has let in.
func (a *Admin) takeCommands() {
	a.ns.On("emit", func(e *socketio.Event) error { // nsp, room or null, event, arguments
		c, err := a.command(e, 0, 1)
		if err != nil {
			return err
		}
		event, err := text(e, 2)
		if err != nil || c.ns == a.ns {
			return refused("emit", err)
		}
		args := make([]any, 0, e.Len()-3)
		for i := 3; i < e.Len(); i++ {
			args = append(args, e.Raw(i))
		}
		return a.do(e, c, event, c.target.Emit(event, args...))
	})
	a.ns.On("join", func(e *socketio.Event) error { // nsp, room to join, room or id
		return a.move(e, func(c command, room string) error { return c.target.SocketsJoin(room) })
	})
	a.ns.On("leave", func(e *socketio.Event) error { // nsp, room to leave, room or id
		return a.move(e, func(c command, room string) error { return c.target.SocketsLeave(room) })
	})
	a.ns.On("_disconnect", func(e *socketio.Event) error { // nsp, whether to close the connection, room or id
		c, err := a.command(e, 0, 2)
		if err != nil {
			return err
		}
		var closes bool
		if raw := e.Raw(1); !isNothing(raw) {
			if err := raw.Bind(&closes); err != nil {
				return refused(c.name, err)
			}
		}
		return a.do(e, c, "", c.target.DisconnectSockets(closes))
	})
}

// move takes the commands join and leave.
func (a *Admin) move(e *socketio.Event, act func(c command, room string) error) error {
	c, err := a.command(e, 0, 2)
	if err != nil {
		return err
	}
	room, err := text(e, 1)
	if err != nil || c.ns == a.ns {
		return refused(c.name, err)
	}
	return a.do(e, c, room, act(c, room))
}

// command reads what all have: the namespace, and the room that bounds them.
func (a *Admin) command(e *socketio.Event, nspAt, roomAt int) (c command, err error) {
	c.name = e.Name()
	name, err := text(e, nspAt)
	if err != nil {
		return c, refused(c.name, err)
	}
	for _, ns := range a.io.Namespaces() {
		if ns.Name() == name {
			c.ns = ns
		}
	}
	if c.ns == nil {
		return c, refused(c.name, fmt.Errorf("there is no namespace %q", shortened(name)))
	}
	c.target = c.ns.To()
	if raw := e.Raw(roomAt); !isNothing(raw) {
		if c.room, err = text(e, roomAt); err != nil {
			return c, refused(c.name, err)
		}
		c.target = c.ns.To(c.room)
	}
	return c, nil
}

// do ends a command that has been carried out: it is an operator's act, and stands in the log.
func (a *Admin) do(e *socketio.Event, c command, what string, err error) error {
	if err != nil {
		return refused(c.name, err)
	}
	a.counts.commands.Add(1)
	a.log.Info("admin: a command", "command", c.name, "namespace", c.ns.Name(), "room", c.room, "what", what,
		"socket", e.Socket().ID(), "address", e.Socket().Handshake().Address)
	if e.WantsAck() { // the UI does not
		return e.Ack()
	}
	return nil
}

// text reads a name.
func text(e *socketio.Event, at int) (string, error) {
	var s string
	if at >= e.Len() || e.Raw(at).Bind(&s) != nil || s == "" || len(s) > maxCommandText {
		return "", fmt.Errorf("argument %d is to be a text of 1 to %d bytes", at+1, maxCommandText)
	}
	return s, nil
}

func isNothing(r socketio.Raw) bool {
	return r.IsZero() || string(r.JSON()) == "null" || string(r.JSON()) == `""`
}

// refused is the answer to a command that is not carried out.
func refused(command string, err error) error {
	message := command + " is not for the admin namespace"
	if err != nil {
		message = command + ": " + err.Error()
	}
	return &socketio.Error{Message: message}
}
