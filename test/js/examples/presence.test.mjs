import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, collect, connect, next, prepare } from '../clients/support.mjs';

const as = (user) => connect('', { auth: { user } });

test('a user is online from the first tab to the last', async () => {
  const ana = await as('Ana');
  const came = collect(ana, 'online');
  const went = collect(ana, 'offline');
  const bia = next(ana, 'online');
  const tab = await as('Bia');
  assert.deepEqual(await bia, ['Bia']);
  const other = await as('Bia');
  assert.deepEqual(await ask(ana, 'who'), [['Ana', 'Bia']]);

  tab.disconnect();
  await as('Caio'); // what tab's end would have caused has happened before
  assert.deepEqual(await ask(ana, 'who'), [['Ana', 'Bia', 'Caio']]);
  assert.deepEqual(went, []);
  const gone = next(ana, 'offline');
  other.disconnect();
  assert.deepEqual(await gone, ['Bia']);
  assert.deepEqual(await ask(ana, 'who'), [['Ana', 'Caio']]);
  assert.deepEqual(came.flat().filter((user) => user !== 'Ana'), ['Bia', 'Caio']);
});

test('nobody is online without a name', async () => {
  const [error] = await next(prepare(), 'connect_error');
  assert.equal(error.message, 'a user is needed');
});
