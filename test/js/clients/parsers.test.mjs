// Clients with different wire formats, each at the server that speaks it: URL MessagePack, PLAIN_URL the default.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { io } from 'socket.io-client';
import msgpack from 'socket.io-msgpack-parser';
import { ask, collect, next } from './messages.mjs';
import { until } from '../waiting.mjs';

const packed = io(process.env.URL, { parser: msgpack, auth: { name: 'packed' } });
const plain = io(process.env.PLAIN_URL, { auth: { name: 'plain' } });
after(() => [packed, plain].forEach((socket) => socket.disconnect()));
await Promise.all([packed, plain].map((socket) => next(socket, 'connect')));

packed.on('question', (ack) => ack('packed'));
plain.on('question', (ack) => ack('plain'));

/** Makes both members of a room, and waits until each server knows. */
async function gather(room) {
  await Promise.all([packed, plain].map((socket) => ask(socket, 'join', room)));
  for (const socket of [packed, plain]) {
    for (let tries = 20; (await ask(socket, 'survey', room))[1].length < 2; tries--) assert.ok(tries, 'both in the room');
  }
}

test('a broadcast reaches both, with what is binary in it', async () => {
  const heard = [packed, plain].map((socket) => collect(socket, 'told'));
  const room = `room ${packed.id}`;
  await gather(room);
  const text = { a: 'é🚀', n: 1.5, bytes: Buffer.from([1, 2, 3]), deep: [Buffer.alloc(300, 7), null] };
  packed.emit('tell', { to: [room] }, text);
  plain.emit('tell', { to: [room] }, text);
  await until(() => heard.every((list) => list.length === 2), 'two broadcasts for each');
  for (const { a, n, bytes, deep } of heard.flat()) {
    assert.deepEqual([a, n, Buffer.from(bytes), Buffer.from(deep[0]), deep[1]],
      [text.a, text.n, text.bytes, text.deep[0], text.deep[1]]);
  }
});

test('a broadcast collects the answers of both', async () => {
  const room = `survey ${packed.id}`;
  await gather(room);
  for (const asker of [packed, plain]) {
    const [failed, answers] = await ask(asker, 'survey', room);
    assert.deepEqual([failed, answers.toSorted()], [false, ['packed', 'plain']]);
  }
});
