import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, client, connect, next, prepare, settled } from '../clients/support.mjs';

test(`client ${client} upgrades among the framework's routes, and is known to its middleware`, async () => {
  const ana = await connect('', { query: { user: 'Ana' } });
  const bia = await connect('', { query: { user: 'Bia' }, transports: ['websocket'] });
  assert.deepEqual(await ask(ana, 'whoami'), ['Ana']);
  assert.deepEqual(await ask(bia, 'whoami'), ['Bia']);
  await settled(ana);
  assert.deepEqual(await ask(ana, 'whoami'), ['Ana']);
  assert.equal(await (await fetch(process.env.URL)).text(), '2 connected');
});

test('the middleware keeps out who does not say a name', async () => {
  for (const transports of [['polling'], ['websocket']]) {
    await next(prepare('', { transports, reconnection: false }), 'connect_error');
  }
  assert.equal((await fetch(`${process.env.URL}/socket.io/?EIO=4&transport=polling`)).status, 401);
  assert.equal((await fetch(`${process.env.URL}/elsewhere?user=Ana`)).status, 404);
});
