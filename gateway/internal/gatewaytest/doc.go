// Package gatewaytest is what the tests of the gateway and of the services on it share: the environment, the log and
// the metrics of a node, and clients that speak to it packet by packet, with nothing between the test and the wire.
//
// It does not know package gateway, so that the tests inside that can use it.
package gatewaytest

import "time"

// Patience is how long a test waits for what must happen. It is not a measure of anything.
const Patience = 30 * time.Second

// Env is a getenv over a fixed environment of names and values in turn. A later pair wins.
func Env(pairs ...string) func(string) string {
	values := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}
