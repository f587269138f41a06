package forward

// Where the nodes of a cluster find each other: what a registry is, and what a node registers.

import (
	"context"
	"net"
	"strconv"
	"time"
)

// RecordLifetime is how long a Registry keeps the record of a node that does not renew it.
const RecordLifetime = 10 * time.Second

// A Record is what a node registers.
type Record struct {
	Address string `json:"address"` // "host:port" at which the other nodes reach it
	Key     string `json:"key"`     // what requests that are forwarded to it bring along; a secret of the nodes
	Host    string `json:"host"`    // its name, for people
	// Certificate, if not "", says that the node listens with TLS, and is the SHA-256 of the certificate that it shows
	// to who asks for ServerName, in base64url.
	Certificate string `json:"certificate,omitempty"`
}

// isUsable reports whether requests can be forwarded to the node of this record.
func (r Record) isUsable() bool {
	host, port, err := net.SplitHostPort(r.Address)
	n, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && host != "" && n != 0 && r.Key != ""
}

// A Registry keeps the records of all nodes, each under its tag: 8 characters of base64url, new at each start of a
// node. All nodes of a cluster use the same. It is trusted: requests are forwarded to the addresses that are in it.
//
// A node calls one method at a time, but several nodes of a process may share a Registry. Each call has a context that
// ends, and need not be tried again: the node does that itself.
type Registry interface {
	// Exchange registers a node's own record for another RecordLifetime, unless it is nil, and returns the records of
	// all nodes by their tags. Its own may be among them or not. What is registered but cannot be read is a zero
	// Record. A node calls it every 2 s, and up to ten times a second while requests for nodes come in that it does
	// not know.
	Exchange(ctx context.Context, tag string, own *Record) (map[string]Record, error)
	// Remove takes a node's record away.
	Remove(ctx context.Context, tag string) error
}
