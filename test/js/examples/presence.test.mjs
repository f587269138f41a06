import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, collect, connect, next, prepare, until } from '../clients/support.mjs';

/** A user's first tab, once its user is online. */
async function first(user) {
  const socket = prepare('', { auth: { user } });
  const online = collect(socket, 'online');
  await until(() => online.includes(user), `${user} online`);
  return socket;
}

test('a user is online from the first tab to the last', async () => {
  const ana = await first('Ana');
  const came = collect(ana, 'online');
  const went = collect(ana, 'offline');
  const tab = await first('Bia');
  const other = await connect('', { auth: { user: 'Bia' } });
  assert.deepEqual(await ask(other, 'who'), [['Ana', 'Bia']]);

  tab.disconnect();
  await first('Caio');
  assert.deepEqual(await ask(ana, 'who'), [['Ana', 'Bia', 'Caio']]);
  const gone = next(ana, 'offline');
  other.disconnect();
  assert.deepEqual(await gone, ['Bia']);
  assert.deepEqual(await ask(ana, 'who'), [['Ana', 'Caio']]);
  assert.deepEqual([came, went], [['Bia', 'Caio'], ['Bia']]);
});

test('nobody is online without a name', async () => {
  const [error] = await next(prepare(), 'connect_error');
  assert.equal(error.message, 'a user is needed');
});
