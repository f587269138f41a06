// Clients of Socket.IO 2, real ones, with one of Socket.IO 4 beside them. The environment says what to test:
//
//   URL        the service, with allowEIO3
//   CLIENT     the version of socket.io-client, 2.5.0 or 2.0.4
//   TRANSPORT  polling, base64 (polling without binary), websocket, websocket64, or default (polling, then the upgrade)

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { io as newer } from 'socket.io-client';
import { ask, collect, next } from './messages.mjs';
import { sleep, until } from '../waiting.mjs';

const { default: io } = await import(`socket.io-client-${process.env.CLIENT}`);
const transport = process.env.TRANSPORT;
const options = {
  polling: { transports: ['polling'] },
  base64: { transports: ['polling'], forceBase64: true },
  websocket: { transports: ['websocket'] },
  websocket64: { transports: ['websocket'], forceBase64: true },
  default: {},
}[transport];
const settlesOn = ['polling', 'base64'].includes(transport) ? 'polling' : 'websocket';

let open = [];
afterEach(() => {
  for (const socket of open) {
    socket.removeAllListeners();
    socket.io.reconnection(false);
    socket.disconnect();
    socket.io.engine?.close();
  }
  open = [];
});

function prepare(namespace = '', more = {}) {
  const socket = io(process.env.URL + namespace, { forceNew: true, reconnectionDelay: 100, ...options, ...more });
  open.push(socket);
  return socket;
}

async function connect(namespace = '', more = {}) {
  const socket = prepare(namespace, more);
  await next(socket, 'connect');
  return socket;
}

async function connectNewer() {
  const socket = newer(process.env.URL, { forceNew: true });
  open.push(socket);
  await next(socket, 'connect');
  return socket;
}

const settled = (socket) => until(() => socket.io.engine.transport.name === settlesOn && !socket.io.engine.upgrading,
  `transport ${settlesOn}`);

test('the ids of its sockets are those that it makes itself', async () => {
  const socket = await connect();
  const [rooms] = await ask(socket, 'all rooms');
  assert.deepEqual(rooms, [socket.id]);
  assert.equal(socket.id, socket.io.engine.id);
  const other = await connect('/dynamic-5');
  const [others] = await ask(other, 'all rooms');
  assert.deepEqual(others, [other.id]);
  assert.equal(other.id, `/dynamic-5#${other.io.engine.id}`);
});

test('acknowledgements go both ways, with every kind of text', async () => {
  const socket = await connect();
  for (const args of [[], [1], ['a', null, { b: [true] }], ['é\u2028🚀 漢字'], ['x'.repeat(70_000)], ['1:2\\n\n"']]) {
    assert.deepEqual(await ask(socket, 'echo', ...args), args);
  }
  const many = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(socket, 'echo', `🚀${i}`)));
  assert.deepEqual(many, Array.from({ length: 100 }, (_, i) => [`🚀${i}`]));
  socket.once('question', (one, object, ack) => ack([one, object, 'é']));
  socket.emit('ask');
  assert.deepEqual(await next(socket, 'answer'), [[1, { a: 2 }, 'é']]);
  socket.emit('ask in vain');
  assert.deepEqual(await next(socket, 'answer'), ['operation has timed out']);
});

test('binary values go both ways', async () => {
  const socket = await connect();
  const [a, b, none] = [Buffer.from([1, 2, 255]), Buffer.alloc(70_000, 7), Buffer.alloc(0)];
  for (const wait of [false, true]) {
    if (wait) await settled(socket);
    const [object, bytes, last] = await ask(socket, 'echo', { a, text: 'é🚀', deep: [{ b }] }, b, none);
    assert.deepEqual([Buffer.from(object.a), object.text, Buffer.from(object.deep[0].b)], [a, 'é🚀', b]);
    assert.deepEqual([Buffer.from(bytes), Buffer.from(last)], [b, none]);
  }
  socket.once('question', (one, object, ack) => ack(Buffer.from([9, 0])));
  socket.emit('ask');
  const [answer] = await next(socket, 'answer');
  assert.deepEqual(Buffer.from(answer), Buffer.from([9, 0]));
});

test('the query of the connection and that of a namespace are known', async () => {
  const socket = await connect('', { query: { color: 'red' } });
  const [handshake] = await ask(socket, 'handshake');
  assert.deepEqual([handshake.query.color, handshake.query.EIO, handshake.auth], ['red', '3', {}]);
  const guarded = await connect('/guarded', { query: { token: 'secret' } });
  guarded.emit('forbidden');
  assert.deepEqual(await next(guarded, 'refused'), ['forbidden event']);
});

test('a middleware refuses with its data, and a namespace that there is not is refused', async () => {
  const refused = prepare('/guarded', { query: { token: 'wrong' } });
  assert.deepEqual(await next(refused, 'error'), [{ code: 4001, hint: 'log in' }]);
  assert.equal(refused.connected, false);
  const [error] = await next(prepare('/dynamic-x'), 'error');
  assert.deepEqual(error, { message: 'Invalid namespace' });
});

test('several namespaces share a connection, and one is left without the others', async () => {
  const main = await connect();
  const other = main.io.socket('/dynamic-7');
  await next(other, 'name');
  other.emit('all', 'x');
  assert.deepEqual(await next(other, 'all'), ['x']);
  const gone = next(other, 'disconnect');
  other.disconnect();
  assert.deepEqual(await gone, ['io client disconnect']);
  assert.deepEqual(await ask(main, 'echo', 1), [1]);
});

test('a broadcast reaches old and new clients, each once, with what is binary in it', async () => {
  const [a, b, c, away] = [await connect(), await connect(), await connectNewer(), await connect()];
  const room = `room ${a.id}`;
  for (const socket of [a, b, c]) await ask(socket, 'join', room);
  const heard = [a, b, c, away].map((socket) => collect(socket, 'told'));
  const bytes = Buffer.from([0, 1, 255]);
  const said = ['plain', 'é🚀', { bytes, n: 1 }, bytes, 'end'];
  for (const text of said) a.emit('tell', { to: [room] }, text);
  c.emit('tell', { to: [room], others: true }, 'from c');
  const last = ['from c', 'from c', 'end'];
  await until(() => last.every((text, i) => heard[i].includes(text) && heard[i].includes('end')), 'the broadcasts');
  for (const list of heard.slice(0, 3)) {
    const got = list.filter((text) => text !== 'from c').map((text) =>
      text.bytes ? { ...text, bytes: Buffer.from(text.bytes) } : typeof text === 'string' ? text : Buffer.from(text));
    assert.deepEqual(got, said);
  }
  assert.deepEqual(heard.map((list) => list.filter((text) => text === 'from c').length), [1, 1, 0, 0]);
  assert.deepEqual(heard[3], []);
  for (const socket of [a, b, c]) socket.on('question', (ack) => ack(socket.id));
  const [failed, answers] = await ask(c, 'survey', room);
  assert.deepEqual([failed, answers.toSorted()], [false, [a.id, b.id, c.id].toSorted()]);
});

test('the server ends a namespace, or the connection', async () => {
  for (const close of [false, true]) {
    const socket = await connect('', { reconnection: false });
    await settled(socket);
    const gone = next(socket, 'disconnect');
    socket.emit('leave me', close);
    assert.deepEqual((await gone)[0], 'io server disconnect');
  }
});

test('others learn why a client left', async () => {
  const watcher = await connectNewer();
  await ask(watcher, 'join', 'watchers');
  for (const [leave, want] of [
    [(socket) => socket.disconnect(), 'client namespace disconnect'],
    [(socket) => socket.emit('leave me', false), 'server namespace disconnect'],
    [(socket) => socket.io.engine.close(), 'transport close'],
  ]) {
    const socket = await connect('', { reconnection: false });
    await settled(socket);
    const room = `of ${socket.id}`;
    await ask(socket, 'join', room);
    const news = new Promise((resolve) =>
      watcher.on('left', (who, reason, rooms) => rooms.includes(room) && resolve(reason)));
    leave(socket);
    assert.equal(await news, want);
  }
});

test('a client comes back after it has lost its connection', async () => {
  const socket = await connect();
  await settled(socket);
  const id = socket.id;
  socket.io.engine.close();
  await next(socket, 'connect');
  assert.notEqual(socket.id, id);
  assert.deepEqual(await ask(socket, 'echo', 'again'), ['again']);
});

/** Has an engine ping no more, nor miss the pongs. */
function fallSilent(engine) {
  clearTimeout(engine.pingIntervalTimer);
  clearTimeout(engine.pingTimeoutTimer);
  engine.pingInterval = engine.pingTimeout = 1e6;
  engine.ping = () => {};
}

test('a client stays as long as it pings, and is given up when it does not', async () => {
  const watcher = await connectNewer();
  await ask(watcher, 'join', 'watchers');
  const socket = await connect('', { reconnection: false });
  const silent = await connect('', { reconnection: false, upgrade: false }); // Node's clock stops for good with an upgrade
  await settled(socket);
  const room = `of ${silent.id}`;
  await ask(silent, 'join', room);
  const news = new Promise((resolve) =>
    watcher.on('left', (who, reason, rooms) => rooms.includes(room) && resolve(reason)));
  const { pingInterval, pingTimeout } = silent.io.engine;
  await next(silent.io.engine, 'pong');
  const started = Date.now();
  fallSilent(silent.io.engine);
  assert.equal(await news, 'ping timeout');
  const took = Date.now() - started;
  assert.ok(took > 0.8 * pingInterval, `it was given up after ${took} ms`);
  await sleep(pingInterval + pingTimeout);
  assert.equal(socket.connected, true);
  assert.deepEqual(await ask(socket, 'echo', 1), [1]);
});

test('large and numerous answers arrive whole and in order', async () => {
  const socket = await connect();
  for (const size of [0, 125, 126, 65_535, 65_536, 3_000_000]) {
    socket.emit('big', size);
    const [text] = await next(socket, 'big');
    assert.equal(text.length, size);
  }
  const heard = collect(socket, 'n');
  socket.emit('count', 5000);
  await until(() => heard.length >= 5000, '5,000 events');
  assert.deepEqual(heard, Array.from({ length: 5000 }, (_, i) => i));
});
