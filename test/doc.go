// Package test holds the black-box tests. They start the built gateway, and a real NestJS service to compare it with,
// and talk to both over the network: with raw sockets, with the real socket.io-client, and with a real browser.
//
// They need redis-server, nginx, Chromium, and Node.js with the packages of js/package-lock.json. `make test` installs
// all; a test that misses one says so (package needs).
package test
