// Package chat is the chat service: one room, two events, and the page. It answers what the NestJS service that it
// replaces answered, byte for byte; the documentation lists where it differs on purpose.
package chat
