import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, connect, control, next, prepare } from '../clients/support.mjs';

test('the end waits for what clients have asked for', async () => {
  const sockets = [await connect(), await connect('', { transports: ['polling'] }), await connect()];
  const ends = sockets.map((socket) => next(socket, 'disconnect'));
  for (const socket of sockets) socket.io.reconnection(false);
  const working = sockets.map((socket) => next(socket, 'working'));
  const answers = sockets.map((socket) => ask(socket, 'work'));
  await Promise.all(working);
  await control('terminate');
  for (const answer of await Promise.all(answers)) assert.deepEqual(answer, ['done']);
  for (const [reason] of await Promise.all(ends)) assert.equal(reason, 'transport close');
  await next(prepare('', { reconnection: false }), 'connect_error');
});
