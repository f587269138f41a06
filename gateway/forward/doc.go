// Package forward lets any node of a cluster serve any request. A session lives on one node, and its id begins with
// that node's tag. Nodes register their tags and addresses in a Registry, such as Redis. A node that gets a request
// for another's session passes it on to the owner, WebSocket connections included.
//
// A client chooses what it sends as a session id, so it can make a node look up any tag. But a request only ever goes
// to an address that a node has registered, and only once: what has been forwarded is not forwarded again. Nothing
// that the owner answers says where it is. Each node makes a key when it starts, and registers it with its address.
// Who sends that along has read the registry, and is believed about the client's address.
package forward
