// Package test holds black-box tests of the gateway: they start the built binary, and a real NestJS service to compare it
// with, and talk to both over the network with raw sockets, with the real socket.io-client and with a real browser.
//
// They need redis-server, nginx, Node.js with the packages of js/package-lock.json, and Chromium; `make test` installs
// them. What is missing is said by the tests that need it (package needs).
package test
