// Rooms that are kept by a backend behind the gateway: examples/backend-go and examples/backend-python.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, connect, next, prepare, transport } from '../clients/support.mjs';

const enter = async (name, ...rooms) => {
  const socket = await connect('', { auth: { name } });
  for (const room of rooms) await ask(socket, 'join', room);
  return socket;
};

test('who has no name is not let in', async () => {
  for (const auth of [undefined, {}, { name: '' }]) {
    const [error] = await next(prepare('', { auth }), 'connect_error');
    assert.equal(error.message, 'who are you?');
  }
});

test('who is in a room hears what is said there', async () => {
  const room = `${transport} ü%"`;
  const [ana, bia, outside] = [await enter('Ana', room), await enter('Bia', room), await enter('Cai')];
  outside.on('said', () => assert.fail('somebody outside has heard it'));
  for (const what of ['olá', { a: [1, null] }, Buffer.from([0, 255, 1])]) {
    const heard = [ana, bia].map((socket) => next(socket, 'said'));
    assert.deepEqual(await ask(ana, 'say', room, what), ['said']);
    for (const args of await Promise.all(heard)) assert.deepEqual(args, [room, 'Ana', what]);
  }
  assert.deepEqual(await ask(outside, 'say', room, 'hello'), [{ error: 'you are not there' }]);
  assert.deepEqual(await ask(outside, 'join'), [{ error: 'which room?' }]);
});

test('rooms are counted, and the others learn who has left', async () => {
  const room = `${transport} left`;
  const [ana, bia] = [await enter('Ana', room), await enter('Bia')];
  assert.deepEqual(await ask(bia, 'join', room), [1]);
  assert.deepEqual(await ask(bia, 'join', 'another'), [2]);
  assert.deepEqual(await ask(bia, 'join', room), [2]);
  const left = next(ana, 'left');
  bia.disconnect();
  assert.deepEqual(await left, ['Bia']);
});

test('what is sent comes back as it is', async () => {
  const socket = await enter('Ana');
  for (const args of [[], [null], [1.5, 'é😀', { a: [{}] }], [[]]]) {
    assert.deepEqual(await ask(socket, 'echo', ...args), [args]);
  }
  assert.deepEqual(await ask(socket, 'echo', Buffer.from([0, 255, 1])), [Buffer.from([0, 255, 1])]);
});

test('events of one client are handled in order', async () => {
  const socket = await enter('Ana', `${transport} order`);
  const heard = [];
  socket.on('said', (_room, _name, number) => heard.push(number));
  await Promise.all(Array.from({ length: 100 }, (_, i) => ask(socket, 'say', `${transport} order`, i)));
  await ask(socket, 'echo');
  assert.deepEqual(heard, Array.from({ length: 100 }, (_, i) => i));
});
