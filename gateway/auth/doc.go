// Package auth lets in who has a JSON Web Token (RFC 7519), for as long as that is valid.
//
// A Verifier knows whose signatures count and what a token must say, and makes Claims of one. A Guard stands before all
// namespaces of a Socket.IO server (socketio.Options.Gate): it asks every socket for a token, ends the socket with the
// token, and takes a new one meanwhile (RefreshEvent). Every refusal is an *Error with a Code that a frontend can act
// on.
//
// What strangers can make it do is bounded: the size of a token, the keys that it may be tried with, the requests to
// whoever publishes the keys and who waits for them, the tokens that one connection may try, and the memory for those
// that have been verified.
package auth
