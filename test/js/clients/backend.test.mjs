// Behind the gateway as the service backend: what a frontend sees of a backend that gateway/backend/clients_test.go has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, connect, next, prepare, settled } from './support.mjs';

test('the backend lets a client in, greets it, and hears what it connected with', async () => {
  const socket = prepare('', { auth: { name: 'Ana' } });
  const greeted = next(socket, 'hello');
  await next(socket, 'connect');
  assert.deepEqual(await greeted, ['Ana', { bytes: Buffer.from('hi') }]);
});

test('the backend refuses a client, with words and data', async () => {
  const [error] = await next(prepare('', { auth: { name: 'nobody' } }), 'connect_error');
  assert.equal(error.message, 'who are you?');
  assert.deepEqual(error.data, { code: 'no_name' });
});

test('events are acknowledged, in order, on whichever transport', async () => {
  const socket = await connect('', { auth: { name: 'Ana' } });
  const answers = [];
  for (let n = 0; n < 50; n++) answers.push(ask(socket, 'count', n));
  assert.deepEqual(await Promise.all(answers), Array.from({ length: 50 }, (_, n) => [n]));
  await settled(socket);
  assert.deepEqual(await ask(socket, 'count', 50), [50]);
});

test('binary goes there and back, alone and inside', async () => {
  const socket = await connect('', { auth: { name: 'Ana' } });
  assert.deepEqual(await ask(socket, 'echo', Buffer.from([0, 255, 10])), [Buffer.from([0, 255, 10])]);
  const inside = { a: [Buffer.from('x')], b: 'eA==', _placeholder: false };
  assert.deepEqual(await ask(socket, 'echo', inside, 7), [inside, 7]);
});

test('a message goes to the room, and an error to who has made it', async () => {
  const [ana, bia] = [await connect('', { auth: { name: 'Ana' } }), await connect('', { auth: { name: 'Bia' } })];
  await ask(ana, 'join', 'r');
  const heard = next(ana, 'said');
  assert.deepEqual(await ask(bia, 'say', 'r', 'hi'), ['ok']);
  assert.deepEqual(await heard, ['hi']);
  assert.deepEqual(await ask(bia, 'wrong'), [{ error: 'no', data: { why: 1 } }]);
  assert.deepEqual(await ask(bia, 'broken'), [{ error: 'backend error', data: { code: 'backend_error' } }]);
});

test('the backend disconnects a client', async () => {
  const socket = await connect('', { auth: { name: 'Ana' } });
  socket.emit('leave');
  assert.equal((await next(socket, 'disconnect'))[0], 'io server disconnect');
});
