// Package forward lets any node of a cluster serve any request. A session lives on one node, and its id begins with that
// node's tag; nodes register their tags and addresses in Redis, and a node that gets a request for another's session
// passes it on to the owner, WebSocket connections included.
//
// A client chooses what it sends as a session id, so it can make a node look up any tag; but a request only ever goes to
// an address that a node has registered, at most once (a forwarded request is not forwarded again), and nothing that the
// owner answers says where it is. Each node makes a key when it starts and registers it with its address; who sends it
// along has read the registry, and is believed about the client's address.
package forward
