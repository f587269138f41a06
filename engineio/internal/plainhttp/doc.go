// Package plainhttp reads HTTP/1.1 requests, and writes their answers, without net/http, which costs a connection two
// goroutines and two buffers, and a request more than the kernel does for it.
//
// It reads plain requests only: a GET, a GET that asks for WebSocket, or a POST of a known length, with nothing wrong
// or unusual about them. All others are for net/http, byte for byte as they came, so that one place answers faults.
// What it takes for plain, net/http takes as well, and reads the same from it.
//
// It works on bytes and plain values. It knows nothing of connections, servers, sessions or Engine.IO's parameters.
package plainhttp
