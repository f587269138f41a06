package gateway

// Whose socket a socket is. Who finds out (a token, a backend) calls Node.Identify; who wants to know asks UserOf, and
// who wants to know of all sockets of all nodes Node.Presence.

import (
	"errors"
	"fmt"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// maxUserBytes is the longest name that a user may have.
const maxUserBytes = 255

// userRoomPrefix begins the names of the rooms in which users' sockets are.
const userRoomPrefix = "user:"

// userKey is where a socket's user stands in its data, which other nodes see too.
var userKey = socketio.NewKey[string]("user")

// ErrUser is wrapped by the errors of Identify that are about the name or about who the socket's user is already.
var ErrUser = errors.New("gateway: not the socket's user")

// UserRoom is the room in which all sockets of a user are, of all nodes.
func UserRoom(user string) string { return userRoomPrefix + user }

// UserOf is the user of a socket, of this node or of another, "" where nobody has named one.
func UserOf(s socketio.DataHolder) string {
	user, _ := userKey.Get(s)
	return user
}

// Identify makes user the user of a socket: it stands in the socket's data, under "user", and the socket joins
// UserRoom(user); with presence on, its user is online from now on, or from the moment when it is connected. The name
// has 1 to 255 bytes. A socket keeps its user: the error wraps ErrUser where it has another.
func (n Node) Identify(s *socketio.Socket, user string) error {
	if user == "" || len(user) > maxUserBytes {
		return fmt.Errorf("%w: a name has 1 to %d bytes, not %d", ErrUser, maxUserBytes, len(user))
	}
	switch known := UserOf(s); known {
	case user:
	case "":
		if err := userKey.Set(s, user); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: that is %q already", ErrUser, known)
	}
	s.Join(UserRoom(user))
	if n.Presence != nil {
		track(n.Presence, s, user)
	}
	return nil
}
