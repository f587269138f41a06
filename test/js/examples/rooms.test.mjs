import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, collect, connect, next, prepare } from '../clients/support.mjs';

test('who is in a room hears what is said in it, who comes and who goes', async () => {
  const [ana, bia, eva] = await Promise.all(['Ana', 'Bia', 'Eva'].map((nickname) => connect('', { auth: { nickname } })));
  assert.deepEqual(await ask(ana, 'join', 'kitchen'), [[]]);
  const came = next(ana, 'came');
  assert.deepEqual(await ask(bia, 'join', 'kitchen'), [['Ana']]);
  assert.deepEqual(await came, ['kitchen', 'Bia']);

  const elsewhere = collect(eva, 'said');
  const heard = [next(ana, 'said'), next(bia, 'said')];
  ana.emit('say', 'kitchen', 'who has eaten the cake?');
  for (const said of heard) assert.deepEqual(await said, ['kitchen', 'Ana', 'who has eaten the cake?']);

  let went = next(bia, 'went');
  ana.emit('leave', 'kitchen');
  assert.deepEqual(await went, ['kitchen', 'Ana']);
  await ask(eva, 'join', 'kitchen');
  went = next(eva, 'went');
  bia.disconnect();
  assert.deepEqual(await went, ['kitchen', 'Bia']);
  assert.deepEqual(elsewhere, []);
});

test('nobody comes in without a nickname', async () => {
  const [error] = await next(prepare(), 'connect_error');
  assert.equal(error.message, 'a nickname is needed');
});
