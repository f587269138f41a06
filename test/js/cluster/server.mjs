// A Socket.IO server with one of Node.js's Redis adapters. It takes commands as lines.mjs has them.
//
// Environment: REDIS_URL, and ADAPTER_OPTIONS: the adapter's options as JSON. There, "adapter" names the adapter
// (pubsub, sharded or streams), "recovery" turns connection state recovery on, and "admin" has @socket.io/admin-ui show
// the server.

import { createServer } from 'node:http';
import { instrument } from '@socket.io/admin-ui';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { obey, say, select, wrong } from './lines.mjs';

const publisher = createClient({ url: process.env.REDIS_URL });
const subscriber = publisher.duplicate();
publisher.on('error', wrong('publisher'));
subscriber.on('error', wrong('subscriber'));
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer();
const { adapter = 'pubsub', recovery = false, admin = false, ...options } = JSON.parse(process.env.ADAPTER_OPTIONS || '{}');
const io = new Server(http, recovery ? { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } } : {});
const adapters = {
  pubsub: () => createAdapter(publisher, subscriber, options),
  sharded: () => createShardedAdapter(publisher, subscriber, options),
  streams: () => createStreamsAdapter(publisher, options),
};
io.adapter(adapters[adapter]());
if (admin) instrument(io, { auth: false, mode: 'development', serverId: 'node' });

for (const name of ['/', '/chat']) {
  const namespace = io.of(name);
  namespace.on('connection', (socket) => {
    socket.on('join', (...rooms) => {
      const ack = rooms.pop();
      socket.join(rooms);
      ack();
    });
    socket.on('data', (data, ack) => {
      socket.data = data;
      ack();
    });
  });
  namespace.on('hello', (...args) => {
    const ack = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    say({ heard: ['hello', ...args] });
    ack?.({ node: args });
  });
}

const commands = {
  emit(target, { args, times }) {
    for (let i = 0; i < (times || 1); i++) target.emit(...args, ...(times ? [i] : []));
  },
  ask: (target, { args }) => target.timeout(10_000).emitWithAck(...args),
  async fetch(target) {
    const sockets = await target.fetchSockets();
    return sockets.map(({ id, handshake, rooms, data }) => ({ id, handshake, rooms: [...rooms], data }));
  },
  rooms: async (target, { namespace }) => [...(await io.of(namespace).adapter.allRooms())],
  join: (target, { args }) => target.socketsJoin(args),
  leave: (target, { args }) => target.socketsLeave(args),
  disconnect: (target, { args }) => target.disconnectSockets(args),
  tell: (target, { namespace, args }) => io.of(namespace).serverSideEmit(...args),
  tellAll: (target, { namespace, args }) => io.of(namespace).serverSideEmitWithAck(...args),
};

obey(async (command) => {
  const target = select(io.of(command.namespace), command);
  return commands[command.do](target, command);
});

http.listen(0, '127.0.0.1', () => say({ port: String(http.address().port) }));
