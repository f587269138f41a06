// One of several nodes is killed. Its clients come back on another by themselves; the clients of others notice nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, control, next, register, settled, until } from './support.mjs';

test('every client is in the chat again after a node was killed', async () => {
  const sockets = [];
  for (let i = 0; i < 12; i++) sockets.push(await register());
  for (const socket of sockets) await settled(socket);
  const lost = sockets.map((socket) => collect(socket, 'disconnect'));
  await control('kill');
  await until(() => lost.some((reasons) => reasons.length > 0), 'a lost connection');
  await until(() => sockets.every((socket) => socket.connected), 'all connected');
  for (const socket of sockets) {
    socket.emit('registrar');
    await next(socket, 'registrado');
  }
  const heard = sockets.map((socket) => collect(socket, 'messages'));
  for (const [i, socket] of sockets.entries()) socket.emit('messages', { nickname: 'n', message: i });
  await until(() => heard.every((list) => list.length >= sockets.length), 'every message');
  const all = sockets.map((_, i) => i);
  for (const list of heard) assert.deepEqual(list.map((m) => m.message).toSorted((a, b) => a - b), all);
  assert.ok(lost.filter((reasons) => reasons.length === 0).length > 0, 'clients of other nodes stay');
  for (const reasons of lost.flat()) assert.match(reasons, /^transport (close|error)$/);
});
