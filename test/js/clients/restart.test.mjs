// What clients do when the service goes away and comes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, control, next, register, until } from './support.mjs';

test('clients notice that the service stops, come back when it starts, and chat on', async () => {
  const sockets = [await register(), await register()];
  const ids = sockets.map((socket) => socket.id);
  const gone = Promise.all(sockets.map((socket) => next(socket, 'disconnect')));
  const tries = [];
  sockets[0].io.on('reconnect_attempt', (n) => tries.push(n));
  await control('stop');
  for (const [reason] of await gone) {
    assert.ok(['transport close', 'transport error'].includes(reason), `disconnected with "${reason}"`);
  }
  await until(() => tries.length > 1, 'attempts to reconnect');

  const back = Promise.all(sockets.map((socket) => next(socket, 'connect', 30_000)));
  await control('start');
  await back;
  for (const [i, socket] of sockets.entries()) {
    assert.notEqual(socket.id, ids[i], 'a new session has a new id');
    socket.emit('registrar');
    await next(socket, 'registrado');
  }
  const heard = collect(sockets[1], 'messages');
  sockets[0].emit('messages', { message: 'again' });
  await until(() => heard.length > 0, 'a message');
  assert.deepEqual(heard.map((m) => m.message), ['again']);
});
