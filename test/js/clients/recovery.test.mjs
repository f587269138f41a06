// Connection state recovery through the real socket.io-client, which supports it since 4.6.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, collect, connect, next, settled, until } from './support.mjs';

test('a client that lost its connection recovers its id, its rooms and what it missed', async () => {
  const [a, b] = [await connect(), await connect()];
  const room = `recovery ${a.id}`;
  await ask(a, 'join', room);
  await settled(a);
  const heard = collect(a, 'told');
  b.emit('tell', { to: [room] }, 0); // gives the client its first offset
  await until(() => heard.length === 1, 'the first message');
  const id = a.id;
  assert.equal(a.recovered, false);

  // On a busy machine the server may notice later than these clients usually come back.
  a.io.reconnectionDelay(1500);
  a.io.reconnectionDelayMax(1500);
  const gone = next(a, 'disconnect');
  // Lose the connection: close it without a disconnect packet.
  if (a.io.engine.transport.ws) a.io.engine.transport.ws.close();
  else a.io.engine.close();
  await gone;
  b.emit('tell', { to: [room] }, 1);
  b.emit('tell', { to: [room], except: [`nobody ${id}`] }, 2);
  b.emit('tell', { to: ['elsewhere'] }, 'not for me');
  await next(a, 'connect');
  assert.deepEqual([a.recovered, a.id], [true, id]);
  await until(() => heard.length === 3, 'what was missed');
  b.emit('tell', { to: [room] }, 3);
  await until(() => heard.length === 4, 'the next message');
  assert.deepEqual(heard, [0, 1, 2, 3]);
});
