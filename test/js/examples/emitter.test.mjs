import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, connect, next } from '../clients/support.mjs';

const post = (path, body) => fetch(process.env.BACKEND + path, { method: 'POST', body });

test('a backend without clients tells them what happens', async () => {
  const socket = await connect();
  while ((await ask(socket, 'servers'))[0] < 1) ;
  let heard = next(socket, 'said');
  assert.equal((await post('/events/said', '{"text":"hello <you>","n":[1,2.5,null]}')).status, 204);
  assert.deepEqual(await heard, [{ text: 'hello <you>', n: [1, 2.5, null] }]);

  heard = next(socket, 'paid');
  assert.equal((await post(`/events/elsewhere?room=nobody`, '1')).status, 204);
  assert.equal((await post(`/events/paid?room=nobody&room=${socket.id}`, '7')).status, 204);
  assert.deepEqual(await heard, [7]);

  assert.equal((await post('/events/disconnect', '1')).status, 400);
  assert.equal((await post('/events/said', 'no JSON')).status, 400);
});
