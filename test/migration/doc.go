// Package migration rehearses, from outside, how a team moves a running Nest fleet to the gateway. The built gateway
// and real Nest services share one Redis, behind a proxy and with clients that know nothing of the move. It also
// rehearses what comes after: gateways are replaced by gateways while people chat.
//
// It needs redis-server, Chromium, and Node.js with the packages of test/js. `make test` installs them.
package migration
