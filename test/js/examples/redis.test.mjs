import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, connect, next, sleep } from '../clients/support.mjs';

test('clients of two servers hear each other', async () => {
  const here = await connect();
  process.env.URL = process.env.OTHER;
  const there = await connect();
  // The servers may still be on their way to Redis.
  while ((await ask(here, 'servers'))[0] < 2) await sleep(20);
  const heard = [next(here, 'said'), next(there, 'said')];
  there.emit('say', { text: 'hello, all of you', bytes: Buffer.from([1, 2, 3]) });
  for (const [{ text, bytes }] of await Promise.all(heard)) {
    assert.deepEqual([text, Buffer.from(bytes)], ['hello, all of you', Buffer.from([1, 2, 3])]);
  }
});
