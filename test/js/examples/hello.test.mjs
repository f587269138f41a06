import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, next, prepare } from '../clients/support.mjs';

test('a client is welcomed, and answered', async () => {
  const socket = prepare();
  const [{ id }] = await next(socket, 'welcome');
  assert.equal(id, socket.id);
  assert.deepEqual(await ask(socket, 'hello', 'Ana'), ['Hello, Ana!']);
});
