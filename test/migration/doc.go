// Package migration rehearses, from outside, what a team does that moves a running Nest fleet to the gateway: the built
// binary and real Nest services share one Redis, behind a proxy and with clients that know nothing of it. It rehearses also what comes after: gateways that are replaced by gateways while people chat.
//
// It needs redis-server, Node.js with the packages of test/js, and Chromium; `make test` installs them.
package migration
