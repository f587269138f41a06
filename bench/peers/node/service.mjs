// The benchmark's service on bare socket.io, whatever its engine: the chat of service.md and the benchmark's own
// events, in memory, without a log. It is that of the peers node-ws, bun and uws.

import { hostname } from 'node:os';

const host = hostname();
const room = 'roomChatTest';

/** The options of a server: ORIGINS has the origins that pages may come from, separated by commas; without, any. */
export function options() {
  return { cors: { origin: process.env.ORIGINS ? process.env.ORIGINS.split(',') : '*' } };
}

/** Serves the events on a Server of socket.io. */
export function serve(io) {
  io.on('connection', (socket) => {
    socket.on('registrar', () => {
      socket.join(room);
      socket.emit('registrado', { room });
    });
    socket.on('messages', ({ nickname, message }) => {
      io.to(joined(socket)).emit('messages', { nickname, message, server: host });
    });
    socket.on('join', (name, ack) => {
      socket.join(name);
      ack(true);
    });
    socket.on('leave', (name, ack) => {
      socket.leave(name);
      ack(true);
    });
    socket.on('say', ({ room, text }) => io.to(room).emit('said', { room, text }));
    socket.on('echo', ({ text }, ack) => ack({ text }));
    socket.on('blob', (room, blob) => io.to(room).emit('blob', blob));
  });
}

/**
 * The rooms of a socket but the one of its own: it is in the others too. Sent to one room only, a message goes out by
 * uWebSockets.js's own publish, many times as fast.
 */
function joined(socket) {
  const rooms = [...socket.rooms].filter((name) => name !== socket.id);
  return rooms.length > 0 ? rooms : socket.id;
}
