import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, connect } from '../clients/support.mjs';

test('a vote has the answers of all others', async () => {
  const [asker, ...voters] = await Promise.all([1, 2, 3, 4].map(() => connect()));
  for (const [i, voter] of voters.entries()) voter.on('vote', (question, answer) => answer(`${question} ${i > 0}`));
  const [result] = await ask(asker, 'poll', 'Pizza?');
  assert.deepEqual(result, { votes: { 'Pizza? true': 2, 'Pizza? false': 1 }, missing: false });
});

test('a vote goes on without those who do not answer', async () => {
  const [asker, voter] = [await connect(), await connect()];
  await connect(); // and says nothing
  voter.on('vote', (_, answer) => answer('yes'));
  assert.deepEqual(await ask(asker, 'poll', 'Pizza?'), [{ votes: { yes: 1 }, missing: true }]);
});

test('the way to one client and back is measured', async () => {
  const socket = await connect();
  assert.deepEqual(await ask(socket, 'measure'), [null]);
  socket.on('echo', (answer) => answer());
  const [milliseconds] = await ask(socket, 'measure');
  assert.ok(milliseconds >= 0 && milliseconds < 1000, `${milliseconds} ms`);
});
