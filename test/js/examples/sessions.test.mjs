import assert from 'node:assert/strict';
import { test } from 'node:test';
import { next, prepare } from '../clients/support.mjs';

const { URL: url, SHORT: short } = process.env;

const post = (server, path, { headers, ...body }) =>
  fetch(server + path, { method: 'POST', headers, body: new URLSearchParams(body) });

/** The cookie of a login. */
async function login(user, server = url) {
  const answer = await post(server, '/login', { user, password: 'secret' });
  assert.equal(answer.status, 204);
  const [set] = answer.headers.getSetCookie();
  assert.match(set, /HttpOnly; SameSite=Lax$/);
  return set.split(';')[0];
}

const enter = (headers) => prepare('', { extraHeaders: headers });

test('a login says who connects, and a logout ends all that it let in', async () => {
  const [ana, bia] = [await login('Ana'), await login('Bia')];
  assert.notEqual(ana, bia);
  const tabs = [enter({ cookie: ana }), enter({ cookie: `other=1; ${ana}` })];
  const other = enter({ cookie: bia });
  const welcomes = await Promise.all([...tabs, other].map((socket) => next(socket, 'welcome')));
  assert.deepEqual(welcomes, [['Ana'], ['Ana'], ['Bia']]);

  const gone = tabs.map((tab) => next(tab, 'disconnect'));
  assert.equal((await post(url, '/logout', { headers: { cookie: ana } })).status, 204);
  for (const [reason] of await Promise.all(gone)) assert.equal(reason, 'io server disconnect');
  assert.equal((await next(enter({ cookie: ana }), 'connect_error'))[0].message, 'log in first');
  assert.ok(other.connected);
});

test('nobody connects without a session', async () => {
  for (const headers of [{}, { cookie: 'session=' }, { cookie: 'session=guessed' }]) {
    assert.equal((await next(enter(headers), 'connect_error'))[0].message, 'log in first');
  }
  for (const body of [{}, { user: 'Ana' }, { user: 'Ana', password: 'guessed' }, { password: 'secret' }]) {
    const answer = await post(url, '/login', body);
    assert.deepEqual([answer.status, answer.headers.getSetCookie()], [401, []]);
  }
});

test('pages of other origins are kept out, with whatever cookie', async () => {
  const cookie = await login('Ana');
  for (const transport of ['polling', 'websocket']) {
    const answer = await fetch(`${url}/socket.io/?EIO=4&transport=${transport}`, {
      headers: { cookie, origin: 'http://evil.example' },
    });
    assert.equal(answer.status, 403, transport);
  }
  const logout = await post(url, '/logout', { headers: { cookie, origin: 'http://evil.example' } });
  assert.equal(logout.status, 403);
  assert.deepEqual(await next(enter({ cookie, origin: url }), 'welcome'), ['Ana']);
});

test('a connection ends with its session', async () => {
  const cookie = await login('Ana', short);
  const from = process.env.URL;
  process.env.URL = short;
  const socket = enter({ cookie });
  process.env.URL = from;
  await next(socket, 'welcome');
  assert.deepEqual(await next(socket, 'disconnect'), ['io server disconnect', undefined]);
});
