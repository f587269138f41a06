package backend

// Where claims come in.

import (
	"encoding/json"

	"github.com/brunossouza/websocket-escalonavel/gateway"
	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// claimsOf are the claims of the token that a socket has connected with, nil where there is none. This is the one place
// that knows of them.
func claimsOf(s *socketio.Socket) json.RawMessage {
	if claims := gateway.ClaimsOf(s); claims != nil {
		return claims.JSON
	}
	return nil
}
