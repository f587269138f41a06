// Clients on several nodes (URLS), over each transport, whose backend is killed and comes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, connect, control, next, prepare, until } from './support.mjs';

const transports = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };

/** A client of each node and transport, in the chat's room. */
async function everybody() {
  const clients = [];
  for (const url of process.env.URLS.split(',')) {
    for (const [name, list] of Object.entries(transports)) {
      const socket = await connect('', { transports: list, url });
      socket.emit('registrar');
      await next(socket, 'registrado');
      const lost = collect(socket, 'disconnect');
      clients.push({ name: `${name} at ${url}`, socket, heard: collect(socket, 'messages'), id: socket.id, lost });
    }
  }
  return clients;
}

/** Has every client say something, again and again, until all have heard it: the backend may be coming back. */
async function allHearAll(clients, what) {
  for (const { name, socket } of clients) {
    const message = `${what} ${name}`;
    const arrived = () => clients.every(({ heard }) => heard.some((said) => said.message === message));
    for (let tries = 0; !arrived(); tries++) {
      assert.ok(tries < 120, `not everybody has heard ${message}`);
      socket.emit('messages', { nickname: name, message });
      await until(arrived, message, 500).catch(() => {});
    }
  }
}

const asks = (socket) => socket.timeout(20_000).emitWithAck('messages', { nickname: 'x', message: 'while it is away' });

test('a backend that dies loses nobody', { timeout: 110_000 }, async () => {
  const clients = await everybody();
  await allHearAll(clients, 'before');
  await control('kill');
  await Promise.all(clients.map(async ({ name, socket }) => {
    for (let unavailable = 0; unavailable < 3;) {
      const answer = await asks(socket);
      assert.match(answer.data?.code, /^backend_(unavailable|error)$/, `${name} got ${JSON.stringify(answer)}`);
      if (answer.data.code === 'backend_unavailable') {
        assert.equal(answer.error, 'backend unavailable');
        unavailable++;
      }
    }
  }));
  const newcomer = prepare();
  const [refused] = await next(newcomer, 'connect_error');
  assert.equal(refused.data.code, 'backend_unavailable');
  await control('start');
  await allHearAll(clients, 'after');
  newcomer.connect();
  await next(newcomer, 'connect');
  for (const { name, socket, id, lost } of clients) {
    assert.deepEqual(lost, [], `${name} was disconnected`);
    assert.equal(socket.id, id);
  }
});
