// The node of main.go on socket.io for Node.js. Environment: HOST, PORT, REDIS_URL; ADAPTER: pubsub or sharded
// (@socket.io/redis-adapter) or streams (@socket.io/redis-streams-adapter); RECOVERY: milliseconds for which a session
// can be resumed.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';

// The packages are those of the tests, pinned by their lockfile.
const require = createRequire(new URL('../../../test/js/', import.meta.url));
const { Server } = require('socket.io');
const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
const { createAdapter: createStreamsAdapter } = require('@socket.io/redis-streams-adapter');
const { createClient } = require('redis');

const publisher = createClient({ url: process.env.REDIS_URL });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const adapters = {
  pubsub: () => createAdapter(publisher, subscriber),
  sharded: () => createShardedAdapter(publisher, subscriber, { subscriptionMode: 'dynamic' }),
  streams: () => createStreamsAdapter(publisher),
};
const http = createServer((request, response) => response.writeHead(404).end());
const recovery = process.env.RECOVERY
  ? { connectionStateRecovery: { maxDisconnectionDuration: Number(process.env.RECOVERY) } }
  : {};
const io = new Server(http, { cors: { origin: '*' }, ...recovery });
io.adapter(adapters[process.env.ADAPTER]());

io.on('connection', (socket) => {
  socket.on('join', async (room, ack) => {
    await socket.join(room);
    ack(true);
  });
  socket.on('leave', async (room, ack) => {
    await socket.leave(room);
    ack(true);
  });
  socket.on('say', ({ room, text }) => io.to(room).emit('said', { room, text }));
  socket.on('shout', (text) => io.emit('said', { room: '', text }));
});
http.listen(Number(process.env.PORT), process.env.HOST);
