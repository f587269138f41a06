// A process with @socket.io/redis-emitter. It takes commands as lines.mjs has them, and answers when Redis has taken
// what the emitter published.
//
// Environment: REDIS_URL, and ADAPTER_OPTIONS: the emitter's options as JSON.

import { Emitter } from '@socket.io/redis-emitter';
import { createClient } from 'redis';
import { obey, say, select, wrong } from './lines.mjs';

const redis = createClient({ url: process.env.REDIS_URL });
redis.on('error', wrong('redis'));
await redis.connect();
const io = new Emitter(redis, JSON.parse(process.env.ADAPTER_OPTIONS || '{}'));

const commands = {
  emit: (target, { args }) => target.emit(...args),
  join: (target, { args }) => target.socketsJoin(args),
  leave: (target, { args }) => target.socketsLeave(args),
  disconnect: (target, { args }) => target.disconnectSockets(args),
  tell: (target, { namespace, args }) => io.of(namespace).serverSideEmit(...args),
};

obey(async (command) => {
  commands[command.do](select(io.of(command.namespace), command), command);
  await redis.ping(); // behind what it published, on the same connection
});

say({ port: 'none' });
