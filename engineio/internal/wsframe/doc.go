// Package wsframe takes WebSocket frames apart and puts them together, with permessage-deflate and the bytes of the
// opening handshake (RFC 6455, RFC 7692).
//
// It works on bytes alone. It knows nothing of connections, HTTP requests, sessions or options.
package wsframe
