// A gateway with AUTH=jwt, as a frontend meets it. KEY is the private key, in PEM form, with which tokens are signed.

import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ask, connect, next, prepare, settlesOn, sleep, until } from './support.mjs';

const key = createPrivateKey(readFileSync(process.env.KEY));
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

/** A token that ends in so many seconds. */
function make(seconds, claims = {}, signer = key) {
  const text = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode({ sub: 'ana', exp: now() + seconds, ...claims })}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: signer, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

for (const [name, auth, code] of [
  ['no token', {}, 'token_missing'],
  ['one that has expired', { token: make(-60) }, 'token_expired'],
  ['one for later', { token: make(600, { nbf: now() + 300 }) }, 'token_not_yet_valid'],
  ["one of another's key", { token: make(60, {}, other) }, 'token_invalid'],
  ['garbage', { token: 'x.y.z' }, 'token_invalid'],
]) {
  test(`${name} lets nobody in, and says why`, async () => {
    const [error] = await next(prepare('', { auth }), 'connect_error');
    assert.equal(error.data.code, code);
    assert.ok(error.message.length > 10, error.message);
  });
}

test('a token lets in, in each place where it may stand', async () => {
  const token = make(60);
  const Authorization = `Bearer ${token}`;
  for (const more of [{ auth: { token } }, { extraHeaders: { Authorization } }, { extraHeaders: { Cookie: `jwt=${token}` } }]) {
    const socket = await connect('', more);
    socket.emit('registrar');
    await next(socket, 'registrado');
    await until(() => socket.io.engine.transport.name === settlesOn);
    socket.disconnect();
  }
});

test('a client that is refused gets another token and connects again', async () => {
  let token = make(-60);
  const socket = prepare('', { auth: (send) => send({ token }) });
  const [error] = await next(socket, 'connect_error');
  assert.equal(error.data.code, 'token_expired');
  token = make(60);
  socket.connect();
  await next(socket, 'connect');
});

test('a token that ends takes the socket along, and a new one brings it back', async () => {
  const socket = prepare('', { auth: (send) => send({ token: make(3) }) });
  const events = ['auth:expiring', 'auth:expired', 'disconnect'].map((event) => next(socket, event));
  const [[expiring], [expired], [reason]] = await Promise.all(events);
  assert.ok(expiring.expires <= now(), String(expiring.expires));
  assert.equal(expired.data.code, 'token_expired');
  assert.equal(reason, 'io server disconnect');
  socket.connect();
  await next(socket, 'connect');
});

test('a token is renewed without another connection', async () => {
  const socket = prepare('', { auth: { token: make(3) } });
  const expiring = next(socket, 'auth:expiring'); // on a busy machine right behind the connection
  await next(socket, 'connect');
  const { id } = socket;
  await expiring;
  const [refused] = await ask(socket, 'auth:refresh', make(60, { sub: 'bob' }));
  assert.equal(refused.data.code, 'token_other_user');
  const token = make(60);
  const [accepted] = await ask(socket, 'auth:refresh', token);
  assert.ok(accepted.expires > now() + 50, JSON.stringify(accepted));
  let ended;
  socket.on('disconnect', (reason) => (ended = reason));
  await sleep(3000);
  assert.equal(ended, undefined);
  assert.equal(socket.id, id);
  socket.emit('registrar');
  await next(socket, 'registrado');
});
