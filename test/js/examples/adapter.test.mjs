import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, next } from '../clients/support.mjs';

test('what one server broadcasts reaches the clients of both', async () => {
  const left = await connect('', { path: '/left/' });
  const right = await connect('', { path: '/right/' });
  for (const [from, to] of [[left, right], [right, left]]) {
    const heard = [next(from, 'said'), next(to, 'said')];
    from.emit('say', { text: 'hello over there', bytes: Buffer.from([1, 2, 3]) });
    for (const [{ text, bytes }] of await Promise.all(heard)) {
      assert.deepEqual([text, Buffer.from(bytes)], ['hello over there', Buffer.from([1, 2, 3])]);
    }
  }
});
