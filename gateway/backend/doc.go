// Package backend is the service that hands what clients do to any HTTP backend: each connect, event and disconnect
// becomes a POST, a CloudEvent in HTTP's binary mode, and the answer says what is to happen. docs/BACKEND.md is the
// contract.
//
// One socket's requests go one at a time, in order: connect, events, disconnect. Sockets are independent.
package backend
