// Package gateway is the chat service: Socket.IO handlers for one chat room, the HTTP routes around them, configuration,
// and an orderly start and stop. It answers what the NestJS service that it replaces answered; the README lists where
// it differs on purpose.
package gateway
