// The benchmark's service on socket.io alone, with its default engine (ws): the chat of service.md and the
// benchmark's own events, in memory, without a log. Environment: HOST, PORT, RECOVERY (sessions can be recovered).

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';

// The packages are those of the tests, pinned by their lockfile.
const require = createRequire(new URL('../../../test/js/', import.meta.url));
const { Server } = require('socket.io');

const host = hostname();
const room = 'roomChatTest';

const http = createServer((request, response) => response.writeHead(404).end());
const recovery = process.env.RECOVERY ? { connectionStateRecovery: {} } : {};
const io = new Server(http, { cors: { origin: '*' }, ...recovery });
io.on('connection', (socket) => {
  socket.on('registrar', () => {
    socket.join(room);
    socket.emit('registrado', { room });
  });
  socket.on('messages', ({ nickname, message }) => {
    io.to([...socket.rooms]).emit('messages', { nickname, message, server: host });
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
http.listen(Number(process.env.PORT), process.env.HOST);
