import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { ask, connect, next, prepare } from '../clients/support.mjs';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const sign = (text, secret, hash) => createHmac(hash, secret).update(text).digest('base64url');

/** A token of our own making. */
function make(claims, { alg = 'HS256', secret = process.env.SECRET } = {}) {
  const text = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${alg === 'none' ? '' : sign(text, secret, alg.replace('HS', 'sha'))}`;
}

const now = Date.now() / 1000;
const claims = { sub: 'Ana', exp: now + 60 };

test('a token lets its subject in', async () => {
  const answer = await fetch(`${process.env.URL}/token?user=Ana`, { method: 'POST' });
  for (const token of [await answer.text(), make(claims)]) {
    assert.deepEqual(await ask(await connect('', { auth: { token } }), 'whoami'), ['Ana']);
  }
});

for (const [name, token] of Object.entries({
  'no token': undefined,
  'one that is none': 'eyJ',
  'one of another secret': make(claims, { secret: 'guessed' }),
  'one without a signature': make(claims, { alg: 'none' }),
  'one of another method': make(claims, { alg: 'HS512' }),
  'one that has expired': make({ sub: 'Ana', exp: now - 60 }),
  'one that never expires': make({ sub: 'Ana' }),
  'one for nobody': make({ exp: now + 60 }),
})) {
  test(`${name} lets nobody in`, async () => {
    const [error] = await next(prepare('', { auth: { token } }), 'connect_error');
    assert.equal(error.message, 'unauthorized');
  });
}

test('the connection ends with its token, and a new one brings it back', async () => {
  let asked = 0;
  const socket = await connect('', {
    auth: (send) => send({ token: make({ sub: 'Ana', exp: Date.now() / 1000 + (asked++ ? 60 : 3) }) }),
  });
  const [reason] = await next(socket, 'disconnect');
  assert.equal(reason, 'io server disconnect');
  socket.connect();
  await next(socket, 'connect');
  assert.deepEqual(await ask(socket, 'whoami'), ['Ana']);
  assert.equal(asked, 2);
});
