// What the chat does not use of the library, through the real socket.io-client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, beginsOn, collect, connect, next, prepare, settled, silence, sleep, until } from './support.mjs';

test('the client gets its acknowledgements', async () => {
  const socket = await connect();
  for (const args of [[], [1], ['a', null, { b: [true] }], [[]], ['é\u2028🚀']]) {
    assert.deepEqual(await ask(socket, 'echo', ...args), args);
  }
  const many = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(socket, 'echo', i)));
  assert.deepEqual(many, Array.from({ length: 100 }, (_, i) => [i]));
});

test('the client gets its acknowledgements with binary', async () => {
  const socket = await connect();
  const [a, b] = [Buffer.from([1, 2, 3]), Buffer.alloc(70_000, 7)];
  const [object, bytes] = await ask(socket, 'echo', { a, deep: [{ b }] }, b);
  assert.deepEqual([Buffer.from(object.a), Buffer.from(object.deep[0].b), Buffer.from(bytes)], [a, b, b]);
});

test('the server gets its acknowledgements, with a time-out', async () => {
  const socket = await connect();
  socket.once('question', (one, object, ack) => ack([one, object, Buffer.from([9])]));
  socket.emit('ask');
  const [[one, object, bytes]] = await next(socket, 'answer');
  assert.deepEqual([one, object, Buffer.from(bytes)], [1, { a: 2 }, Buffer.from([9])]);
  socket.emit('ask in vain');
  assert.deepEqual(await next(socket, 'answer'), ['operation has timed out']);
});

test('a middleware refuses with a reason and data, and accepts', async () => {
  const refused = prepare('/guarded', { auth: { token: 'wrong' } });
  const [error] = await next(refused, 'connect_error');
  assert.equal(error.message, 'not authorized');
  assert.deepEqual(error.data, { code: 4001, hint: 'log in' });
  assert.equal(refused.connected, false);

  const welcome = next(prepare('/guarded', { auth: { token: 'secret' } }), 'welcome');
  assert.deepEqual(await welcome, []);
});

test('a middleware for packets refuses one event', async () => {
  const socket = prepare('/guarded', { auth: { token: 'secret' } });
  await next(socket, 'welcome');
  socket.emit('forbidden');
  assert.deepEqual(await next(socket, 'refused'), ['forbidden event']);
  assert.equal(socket.connected, true);
});

test('namespaces made from a pattern are apart from each other', async () => {
  const [one, same, two] = ['/dynamic-1', '/dynamic-1', '/dynamic-22'].map((name) => prepare(name));
  const names = await Promise.all([one, same, two].map((socket) => next(socket, 'name')));
  assert.deepEqual(names, [['/dynamic-1'], ['/dynamic-1'], ['/dynamic-22']]);
  const heard = [one, same, two].map((socket) => collect(socket, 'all'));
  one.emit('all', 'x');
  await until(() => heard[0].length && heard[1].length, 'the broadcast');
  await sleep(silence);
  assert.deepEqual(heard, [['x'], ['x'], []]);

  const [error] = await next(prepare('/dynamic-x'), 'connect_error');
  assert.equal(error.message, 'Invalid namespace');
});

test('several namespaces share a connection, and one is left without the others', async () => {
  const main = await connect();
  const other = main.io.socket('/dynamic-7');
  await next(other, 'name');
  const gone = next(other, 'disconnect');
  other.disconnect();
  assert.deepEqual((await gone)[0], 'io client disconnect');
  assert.deepEqual(await ask(main, 'echo', 1), [1]);
  other.connect();
  assert.deepEqual(await next(other, 'name'), ['/dynamic-7']);
});

test('rooms are joined and left, and broadcasts reach whom they should, once', async () => {
  const [a, b, c] = [await connect(), await connect(), await connect()];
  const [red, blue] = [`red ${a.id}`, `blue ${a.id}`];
  assert.deepEqual(await ask(a, 'join', red), [[red]]);
  assert.deepEqual(await ask(a, 'join', blue), [[red, blue]]);
  await ask(b, 'join', red);
  await ask(c, 'join', blue);
  const heard = [a, b, c].map((socket) => collect(socket, 'told'));
  const cases = [
    [{ to: [red] }, 'both', [1, 1, 0]],
    [{ to: [red, blue] }, 'union', [1, 1, 1]],
    [{ to: [red], except: [blue] }, 'except', [0, 1, 0]],
    [{ to: [red, blue], others: true }, 'others', [0, 1, 1]],
    [{ to: [b.id] }, 'one', [0, 1, 0]],
    [{ to: ['nobody'] }, 'nobody', [0, 0, 0]],
  ];
  for (const [how, text] of cases) a.emit('tell', how, text);
  a.emit('tell', { to: [red, blue] }, 'end');
  await until(() => heard.every((list) => list.includes('end')), 'the last broadcast');
  for (const [i, list] of heard.entries()) {
    assert.deepEqual(list, [...cases.filter(([, , reach]) => reach[i]).map(([, text]) => text), 'end']);
  }
  assert.deepEqual(await ask(a, 'leave', red), [[blue]]);
  assert.deepEqual(await ask(a, 'leave', red), [[blue]]);
});

test('a broadcast collects acknowledgements, and says when some are missing', async () => {
  const [a, b] = [await connect(), await connect()];
  const room = `survey ${a.id}`;
  await ask(a, 'join', room);
  await ask(b, 'join', room);
  a.on('question', (ack) => ack('A'));
  b.once('question', (ack) => ack('B'));
  const [failed, answers] = await ask(a, 'survey', room);
  assert.deepEqual([failed, answers.toSorted()], [false, ['A', 'B']]);
  assert.deepEqual(await ask(a, 'survey', room), [true, ['A']]);
});

test('sockets are listed, moved and thrown out', async () => {
  const [a, b] = [await connect('', { auth: { name: 'a' } }), await connect('', { auth: { name: 'b' } })];
  const [from, to] = [`from ${a.id}`, `to ${a.id}`];
  await ask(a, 'join', from);
  await ask(b, 'join', from);
  assert.deepEqual(await ask(a, 'who', from), [['a', 'b']]);
  await ask(a, 'move', from, to);
  assert.deepEqual([await ask(a, 'who', from), await ask(a, 'who', to)], [[[]], [['a', 'b']]]);
  await ask(a, 'leave', to);
  const gone = next(b, 'disconnect');
  a.emit('throw out', to, false);
  assert.equal((await gone)[0], 'io server disconnect');
  assert.deepEqual(await ask(a, 'who', to), [[]]);
});

test('the server ends a namespace, or the connection', async () => {
  for (const close of [false, true]) {
    const socket = await connect();
    await settled(socket);
    const gone = next(socket, 'disconnect');
    socket.emit('leave me', close);
    assert.equal((await gone)[0], 'io server disconnect');
  }
});

test('others learn why a socket left, and which rooms it was in', async () => {
  const watcher = await connect();
  await ask(watcher, 'join', 'watchers');
  const name = `name ${watcher.id}`;
  const left = () =>
    new Promise((resolve) => watcher.on('left', (who, reason, rooms) => who === name && resolve([reason, rooms])));
  for (const [leave, want] of [
    [(socket) => socket.disconnect(), 'client namespace disconnect'],
    [(socket) => socket.emit('leave me', false), 'server namespace disconnect'],
    [(socket) => socket.io.engine.close(), 'transport close'],
  ]) {
    const socket = await connect('', { auth: { name }, reconnection: false });
    await settled(socket);
    await ask(socket, 'join', 'somewhere');
    const news = left();
    leave(socket);
    assert.deepEqual(await news, [want, ['somewhere']]);
  }
});

test('the handshake is known', async () => {
  const socket = await connect('', {
    auth: { name: 'x', deep: { a: [1] } },
    query: { color: 'red', empty: '' },
    extraHeaders: { 'X-Agent': 'test' },
  });
  const [handshake] = await ask(socket, 'handshake');
  assert.deepEqual(handshake.auth, { name: 'x', deep: { a: [1] } });
  const { color, empty, EIO, transport } = handshake.query;
  assert.deepEqual([color, empty, EIO], ['red', '', '4']);
  assert.equal(transport, beginsOn);
  assert.deepEqual([handshake.agent, handshake.secure], ['test', false]);
  assert.match(handshake.address, /127\.0\.0\.1$/);
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
