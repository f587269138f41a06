// The chat through the real socket.io-client: everything that the old service does.

import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import {
  collect, connect, next, register, settled, settlesOn, severalNodes, silence, sleep, until,
} from './support.mjs';

const server = hostname();
const room = 'roomChatTest';

test('a client connects and stays on its transport', async () => {
  const socket = await connect();
  assert.match(socket.id, /^[A-Za-z0-9_-]{20}$/);
  await settled(socket);
  assert.equal(socket.io.engine.transport.name, settlesOn);
  assert.equal(socket.connected, true);
});

test('registrar is confirmed with the room, every time and whatever its data', async () => {
  const socket = await connect();
  for (const args of [[], [null], [{ a: 1 }], ['x', 2], []]) {
    socket.emit('registrar', ...args);
    assert.deepEqual(await next(socket, 'registrado'), [{ room }]);
  }
});

test('an unregistered client hears only itself', async () => {
  const [alone, registered] = [await connect(), await register()];
  const heard = collect(registered, 'messages');
  alone.emit('messages', { nickname: 'Ana', message: 'oi' });
  assert.deepEqual(await next(alone, 'messages'), [{ nickname: 'Ana', message: 'oi', server }]);
  await sleep(silence);
  assert.deepEqual(heard, []);
});

test('a registered client reaches the room, itself included, once', async () => {
  const [ana, bia, outside] = [await register(), await register(), await connect()];
  ana.emit('registrar'); // registering twice must not double the messages
  await next(ana, 'registrado');
  const heard = [ana, bia, outside].map((socket) => collect(socket, 'messages'));
  ana.emit('messages', { nickname: 'Ana', message: 'oi' });
  bia.emit('messages', { nickname: 'Bia', message: 'olá' });
  await until(() => heard[0].length >= 2 && heard[1].length >= 2, 'both messages');
  await sleep(silence);
  const byName = (list) => list.toSorted((a, b) => a.nickname.localeCompare(b.nickname));
  const both = [
    { nickname: 'Ana', message: 'oi', server },
    { nickname: 'Bia', message: 'olá', server },
  ];
  assert.deepEqual(byName(heard[0]), both);
  assert.deepEqual(byName(heard[1]), both);
  assert.deepEqual(heard[2], []);
});

test('fields are dropped, kept and ordered as the old service does', async () => {
  const socket = await register();
  for (const [args, want] of [
    [[{ nickname: 'a', message: 'b', x: 1, server: 'evil' }], { nickname: 'a', message: 'b', server }],
    [[{ message: 'b', nickname: 'a' }], { nickname: 'a', message: 'b', server }],
    [[{ nickname: 'a' }], { nickname: 'a', server }],
    [[{ message: 'b' }], { message: 'b', server }],
    [[{ nickname: null, message: null }], { nickname: null, message: null, server }],
    [[{ nickname: { a: [1, null] }, message: 1.5 }], { nickname: { a: [1, null] }, message: 1.5, server }],
    [[{ nickname: true, message: '' }], { nickname: true, message: '', server }],
    [[{}], { server }],
    [[[]], { server }],
    [['hello'], { server }],
    [[5], { server }],
    [[true], { server }],
    [[{ nickname: 'a', message: 'b' }, { nickname: 'c', message: 'd' }], { server }],
    [[null, { nickname: 'c', message: 'd' }], { server }],
  ]) {
    socket.emit('messages', ...args);
    const [got] = await next(socket, 'messages');
    assert.equal(JSON.stringify(got), JSON.stringify(want), `sent ${JSON.stringify(args)}`);
  }
});

test('texts arrive as they were sent', async () => {
  const [ana, bia] = [await register(), await register()];
  const texts = ['<b>&"\'</b>', 'ção 🚀 \u2028\u2029', '\u0000\u001e\u001f\\/', 'x'.repeat(70_000), '42["messages"]'];
  if (!severalNodes) texts.push('\ud83d'); // half a character: MessagePack, between nodes, has no such thing
  for (const message of texts) {
    ana.emit('messages', { nickname: message, message });
    assert.deepEqual(await next(bia, 'messages'), [{ nickname: message, message, server }]);
  }
});

test('binary attachments pass through', async () => {
  const [ana, bia] = [await register(), await register()];
  const bytes = Buffer.from([0, 1, 2, 255]);
  ana.emit('messages', { nickname: 'Ana', message: { list: [bytes, 'x', bytes] } });
  const [got] = await next(bia, 'messages');
  assert.deepEqual(Object.keys(got), ['nickname', 'message', 'server']);
  assert.deepEqual(got.message.list.map((x) => (x === 'x' ? x : Buffer.from(x))), [bytes, 'x', bytes]);
});

test('a message of null or nothing is answered with an exception', async () => {
  const socket = await register();
  const exception = (cause) => [{ status: 'error', message: 'Internal server error', cause }];
  socket.emit('messages', null);
  assert.deepEqual(await next(socket, 'exception'), exception({ pattern: 'messages', data: null }));
  socket.emit('messages');
  assert.deepEqual(await next(socket, 'exception'), exception({ pattern: 'messages' }));
});

test('an acknowledgement is never answered', async () => {
  const socket = await connect();
  const answers = [];
  const answer = (name) => (...args) => answers.push([name, ...args]);
  socket.emit('registrar', answer('registrar'));
  assert.deepEqual(await next(socket, 'registrado'), [{ room }]);
  socket.emit('messages', { nickname: 'a', message: 'b' }, answer('messages'));
  assert.deepEqual(await next(socket, 'messages'), [{ nickname: 'a', message: 'b', server }]);
  socket.emit('messages', null, answer('null'));
  await next(socket, 'exception');
  socket.emit('foo', 1, answer('foo'));
  await sleep(silence);
  assert.deepEqual(answers, []);
});

test('an unknown event is ignored', async () => {
  const socket = await register();
  const anything = [];
  socket.onAny((...args) => anything.push(args));
  for (const event of ['foo', 'exception', 'registrado', 'error', '']) socket.emit(event, 1);
  await sleep(silence);
  assert.deepEqual(anything, []);
  assert.equal(socket.connected, true);
});

test('an unknown namespace is refused and the main one goes on', async () => {
  const socket = await register();
  const other = socket.io.socket('/unknown');
  const [error] = await next(other, 'connect_error');
  assert.equal(error.message, 'Invalid namespace');
  socket.emit('messages', { message: 'still here' });
  assert.deepEqual(await next(socket, 'messages'), [{ message: 'still here', server }]);
});

test('50 messages arrive in order across the upgrade', async () => {
  const receiver = await register();
  const heard = collect(receiver, 'messages');
  const sender = await connect();
  sender.emit('registrar');
  const own = collect(sender, 'messages');
  for (let i = 0; i < 50; i++) {
    sender.emit('messages', { nickname: 'n', message: i });
    if (i % 5 === 4) await sleep(4); // the upgrade happens meanwhile
  }
  const all = Array.from({ length: 50 }, (_, i) => i);
  await until(() => heard.length >= 50 && own.length >= 50, '50 messages');
  await settled(sender);
  await sleep(silence);
  assert.deepEqual(heard.map((m) => m.message), all);
  assert.deepEqual(own.map((m) => m.message), all);
});

test('a client that upgrades late misses nothing and hears everything in order', async () => {
  const sender = await register();
  await settled(sender);
  const receiver = await register(); // may be upgrading from now on
  const heard = collect(receiver, 'messages');
  for (let i = 0; i < 50; i++) {
    sender.emit('messages', { message: i });
    if (i % 5 === 4) await sleep(4);
  }
  await until(() => heard.length >= 50, '50 messages');
  await sleep(silence);
  assert.deepEqual(heard.map((m) => m.message), Array.from({ length: 50 }, (_, i) => i));
});

test('a client that leaves hears nothing more, and the others go on', async () => {
  const [ana, bia] = [await register(), await register()];
  const left = next(ana, 'disconnect');
  ana.disconnect();
  assert.equal((await left)[0], 'io client disconnect');
  const heard = collect(ana, 'messages');
  bia.emit('messages', { message: 'x' });
  await next(bia, 'messages');
  await sleep(silence);
  assert.deepEqual(heard, []);
  ana.connect();
  await next(ana, 'connect');
  bia.emit('messages', { message: 'y' });
  await next(bia, 'messages');
  assert.deepEqual(heard, [], 'a client that comes back is in no room');
});

// 42["messages",{"message":"xxx"}] is 28 bytes longer than its x's.
const oneMillion = 'x'.repeat(1_000_000 - '42["messages",{"message":""}]'.length);

test('a message of 1,000,000 bytes passes', async () => {
  const [ana, bia] = [await register(), await register()];
  await settled(ana);
  ana.emit('messages', { message: oneMillion });
  const [got] = await next(bia, 'messages');
  assert.equal(got.message.length, oneMillion.length);
  assert.equal(ana.connected, true);
});

test('one byte more ends the connection of the sender alone, who can come back', async () => {
  const [ana, bia] = [await register(), await register()];
  await settled(ana);
  const heard = collect(bia, 'messages');
  const gone = next(ana, 'disconnect');
  ana.emit('messages', { message: oneMillion + 'x' });
  const [reason] = await gone;
  assert.equal(reason, settlesOn === 'polling' ? 'transport error' : 'transport close');
  await next(ana, 'connect');
  ana.emit('messages', { message: 'back' });
  await next(ana, 'messages');
  bia.emit('messages', { message: 'still here' });
  await until(() => heard.length > 0, 'an echo');
  assert.deepEqual(heard.map((m) => m.message), ['still here']);
});
