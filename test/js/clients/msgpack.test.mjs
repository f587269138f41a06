// What MessagePack carries and JSON does not, and what it must carry all the same, through the real socket.io-client with
// socket.io-msgpack-parser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, connect, next, prepare } from './support.mjs';

test('values come back as they were sent', async () => {
  const socket = await connect();
  for (const value of [
    null, true, false, '', 'é\u2028🚀\u0000"\\', 'x'.repeat(70_000), [], {}, [[[]]], { a: { b: [1, 'two', null] } },
    0, 1, -1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32, 2 ** 53 - 1, -32, -33, -128, -129, -32_769, -(2 ** 31) - 1,
    1.5, -0.1, 5e-324, Array.from({ length: 20 }, (_, i) => i), Array.from({ length: 70_000 }, () => 7),
    Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key ${i}`, i])), { _placeholder: true, num: 0 },
  ]) {
    assert.deepEqual(await ask(socket, 'echo', value), [value]);
  }
});

test('binary values come back, wherever they stand', async () => {
  const socket = await connect();
  const [small, large, none] = [Buffer.from([1, 2, 255]), Buffer.alloc(70_000, 7), Buffer.alloc(0)];
  const [a, b, c] = await ask(socket, 'echo', { deep: [{ small }] }, large, [none, 'x', small]);
  assert.deepEqual(Buffer.from(a.deep[0].small), small);
  assert.deepEqual(Buffer.from(b), large);
  assert.deepEqual([Buffer.from(c[0]), c[1], Buffer.from(c[2])], [none, 'x', small]);
  const [typed] = await ask(socket, 'echo', new Uint8Array([5, 6]));
  assert.deepEqual(Buffer.from(typed), Buffer.from([5, 6]));
});

test('the handshake has the auth payload', async () => {
  const socket = await connect('', { auth: { name: 'x', deep: { a: [1] } } });
  const [handshake] = await ask(socket, 'handshake');
  assert.deepEqual(handshake.auth, { name: 'x', deep: { a: [1] } });
});

test('a namespace that there is not is refused', async () => {
  const [error] = await next(prepare('/dynamic-x'), 'connect_error');
  assert.equal(error.message, 'Invalid namespace');
});
