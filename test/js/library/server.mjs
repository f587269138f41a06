// What the chat does not use of a Socket.IO library, on Node.js's server. It does the same as test/fixture/library in
// Go, so that one set of tests runs against both. Environment: HOST, PORT, and, if set, RECOVERY, which turns connection
// state recovery on, HEARTBEAT, the interval and the time-out in milliseconds, PARSER=msgpack, ALLOW_EIO3, and
// REDIS_URL, for a cluster.

import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import msgpack from 'socket.io-msgpack-parser';

const http = createServer((request, response) => response.end('fixture'));
const io = new Server(http, {
  cors: { origin: '*' },
  ...(process.env.HEARTBEAT && { pingInterval: Number(process.env.HEARTBEAT), pingTimeout: Number(process.env.HEARTBEAT) }),
  ...(process.env.PARSER === 'msgpack' && { parser: msgpack }),
  allowEIO3: Boolean(process.env.ALLOW_EIO3),
  ...(process.env.RECOVERY && { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } }),
});

if (process.env.REDIS_URL) {
  const publisher = createClient({ url: process.env.REDIS_URL });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  io.adapter(createAdapter(publisher, subscriber));
}

io.on('connection', (socket) => {
  socket.data.name = socket.handshake.auth.name ?? '';

  // Acknowledgements.
  socket.on('echo', (...args) => args.pop()(...args));
  socket.on('ask', async () => socket.emit('answer', await socket.emitWithAck('question', 1, { a: 2 })));
  socket.on('ask in vain', () =>
    socket.timeout(200).emit('question', (error) => socket.emit('answer', error ? error.message : 'answered')));

  // Rooms and broadcasts.
  socket.on('all rooms', (ack) => ack([...socket.rooms]));
  socket.on('join', (room, ack) => {
    socket.join(room);
    ack([...socket.rooms].filter((r) => r !== socket.id));
  });
  socket.on('leave', (room, ack) => {
    socket.leave(room);
    ack([...socket.rooms].filter((r) => r !== socket.id));
  });
  socket.on('tell', ({ to = [], except = [], others = false }, text) => {
    let target = others ? socket.broadcast : io;
    for (const room of to) target = target.to(room);
    for (const room of except) target = target.except(room);
    target.emit('told', text);
  });
  socket.on('survey', (room, ack) =>
    io.to(room).timeout(500).emit('question', (error, answers) => ack(error !== null, answers)));
  socket.on('who', async (room, ack) => ack((await io.in(room).fetchSockets()).map((s) => s.data.name).sort()));
  socket.on('move', (from, to, ack) => {
    io.in(from).socketsJoin(to);
    io.in(from).socketsLeave(from);
    ack();
  });
  socket.on('throw out', (room, close) => io.in(room).disconnectSockets(close));

  // The connection.
  socket.on('handshake', (ack) => {
    const { auth, query, headers, secure, address } = socket.handshake;
    const given = { ...query, t: undefined, sid: undefined };
    ack({ auth, query: given, agent: headers['x-agent'] ?? null, secure, address });
  });
  socket.on('leave me', (close) => socket.disconnect(close));
  socket.on('big', (size) => socket.emit('big', 'x'.repeat(size)));
  socket.on('count', (n) => {
    for (let i = 0; i < n; i++) socket.emit('n', i);
  });
  socket.on('disconnecting', (reason) => {
    const rooms = [...socket.rooms].filter((r) => r !== socket.id);
    io.to('watchers').emit('left', socket.data.name, reason, rooms);
  });
});

io.of('/guarded').use((socket, next) => {
  if (socket.handshake.auth.token === 'secret') return next();
  const error = new Error('not authorized');
  error.data = { code: 4001, hint: 'log in' };
  next(error);
});
io.of('/guarded').on('connection', (socket) => {
  socket.use(([event], next) => next(event === 'forbidden' ? new Error('forbidden event') : undefined));
  socket.on('error', (error) => socket.emit('refused', error.message));
  socket.on('forbidden', () => socket.emit('refused', 'but it came through'));
  socket.emit('welcome');
});

const dynamic = io.of(/^\/dynamic-\d+$/);
dynamic.on('connection', (socket) => {
  socket.on('all rooms', (ack) => ack([...socket.rooms]));
  socket.emit('name', socket.nsp.name);
  socket.on('all', (text) => socket.nsp.emit('all', text));
});

http.listen(Number(process.env.PORT), process.env.HOST);
