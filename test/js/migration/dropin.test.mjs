// The old frontend's client, with its options, on a Nest service and a gateway of one fleet. NEST and GATEWAY in the
// environment are their URLs.

import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { afterEach, test } from 'node:test';
import { io } from 'socket.io-client-4.5.4';
import { until } from '../waiting.mjs';

const server = hostname();
const room = 'roomChatTest';
const urls = { nest: process.env.NEST, gateway: process.env.GATEWAY };

let open = [];

afterEach(() => {
  for (const socket of open) socket.disconnect();
  open = [];
});

/** Connects a client to a kind of node. Its list has all events that it gets. */
async function connect(kind) {
  const socket = io(urls[kind], { transports: ['websocket', 'polling'], path: '/socket.io/', forceNew: true });
  open.push(socket);
  const heard = [];
  socket.onAny((...event) => heard.push(event));
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return { kind, socket, heard };
}

async function register(kind) {
  const client = await connect(kind);
  client.socket.emit('registrar');
  await until(() => client.heard.length > 0, `a registration on ${kind}`);
  assert.deepEqual(client.heard.splice(0), [['registrado', { room }]]);
  return client;
}

/** A text to compare values by: the order of keys counts, and binary data stays what it is. */
const text = (value) => JSON.stringify(value, (key, inner) =>
  (inner?.type === 'Buffer' ? { hex: Buffer.from(inner.data).toString('hex') } : inner));

/** Waits until every client has got as many events as it should, and compares them. */
async function allHear(clients, want) {
  const complete = () => clients.every(({ heard }) => heard.length >= want.length);
  await until(complete, `${want.length} events for everybody`).catch((error) => {
    throw new Error(`${error.message}; got ${clients.map(({ kind, heard }) => `${kind} ${text(heard)}`).join('\n')}`);
  });
  for (const { kind, heard } of clients) {
    assert.deepEqual(heard.splice(0).map(text), want.map(text), `heard on ${kind}`);
  }
}

const bytes = Buffer.from([0, 1, 2, 127, 128, 255]);

/**
 * What a client may send as "messages", and what the room then gets. Whole numbers from 2 ** 64 on are missing: between
 * nodes, Node.js's MessagePack encoder (notepack.io) turns them into other numbers.
 */
const messages = [
  [[{ nickname: 'Ana', message: 'oi' }], { nickname: 'Ana', message: 'oi', server }],
  [[{ message: 'b', nickname: 'a', server: 'evil', x: 1 }], { nickname: 'a', message: 'b', server }],
  [[{ nickname: 'a' }], { nickname: 'a', server }],
  [[{ message: '' }], { message: '', server }],
  [[{}], { server }],
  [[[]], { server }],
  [['text'], { server }],
  [[5], { server }],
  [[true], { server }],
  [[{ nickname: 1 }, { nickname: 2 }], { server }],
  [[{ nickname: null, message: null }], { nickname: null, message: null, server }],
  [[{ nickname: { a: [1, null, { b: {} }] }, message: [[], 1.5, -7, 1e-21, 2 ** 53, -(2 ** 31), 4294967296] }],
    { nickname: { a: [1, null, { b: {} }] }, message: [[], 1.5, -7, 1e-21, 2 ** 53, -(2 ** 31), 4294967296], server }],
  [[{ nickname: 'ção 🚀 \u2028', message: '<b>&"\'\u0000\u001e</b>' }],
    { nickname: 'ção 🚀 \u2028', message: '<b>&"\'\u0000\u001e</b>', server }],
  [[{ nickname: 'long', message: 'x'.repeat(70_000) }], { nickname: 'long', message: 'x'.repeat(70_000), server }],
  [[{ nickname: 'many', message: Array.from({ length: 70_000 }, (_, i) => i) }],
    { nickname: 'many', message: Array.from({ length: 70_000 }, (_, i) => i), server }],
  [[{ nickname: 'keys', message: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i])) }],
    { nickname: 'keys', message: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i])), server }],
  [[{ nickname: bytes, message: { list: [bytes, 'x', Buffer.alloc(300, 7)] } }],
    { nickname: bytes, message: { list: [bytes, 'x', Buffer.alloc(300, 7)] }, server }],
  [[{ nickname: 'Ana', message: 'the last one' }], { nickname: 'Ana', message: 'the last one', server }],
];

for (const kind of ['nest', 'gateway']) {
  test(`all that a client of the ${kind} sends reaches the clients of both, the same`, async () => {
    const clients = [];
    for (const node of ['nest', 'gateway', 'nest', 'gateway']) clients.push(await register(node));
    const sender = clients.find((client) => client.kind === kind);
    for (const [args] of messages) sender.socket.emit('messages', ...args);
    await allHear(clients, messages.map(([, data]) => ['messages', data]));
  });

  test(`an unregistered client of the ${kind} hears and reaches only itself`, async () => {
    const alone = await connect(kind);
    const others = [await register('nest'), await register('gateway'), await connect('nest'), await connect('gateway')];
    alone.socket.emit('messages', { nickname: 'Eve', message: 'anybody?' });
    alone.socket.emit('messages', { nickname: bytes, message: 'anybody?' });
    await allHear([alone], [
      ['messages', { nickname: 'Eve', message: 'anybody?', server }],
      ['messages', { nickname: bytes, message: 'anybody?', server }],
    ]);
    // A later message to the room shows that the earlier ones are not still under way to the others.
    alone.socket.emit('registrar');
    await until(() => alone.heard.length > 0, 'a registration');
    alone.heard.length = 0;
    alone.socket.emit('messages', { message: 'behind it' });
    await allHear([alone, ...others.slice(0, 2)], [['messages', { message: 'behind it', server }]]);
    assert.deepEqual(others.map(({ heard }) => heard), [[], [], [], []]);
  });

  test(`no data, and events that nobody knows, disturb nobody on the ${kind} or beyond`, async () => {
    const clients = [await register('nest'), await register('gateway')];
    const sender = clients.find((client) => client.kind === kind);
    const answers = [];
    for (const args of [
      ['messages', null], ['messages'], ['nonsense', 1, bytes],
      ['messages', null, (...a) => answers.push(a)], ['nonsense', (...a) => answers.push(a)],
    ]) {
      sender.socket.emit(...args);
    }
    const exception = (cause) =>
      ['exception', { status: 'error', message: 'Internal server error', cause: { pattern: 'messages', ...cause } }];
    await allHear([sender], [exception({ data: null }), exception({}), exception({ data: null })]);
    sender.socket.emit('messages', { message: 'still here' });
    await allHear(clients, [['messages', { message: 'still here', server }]]);
    assert.deepEqual(answers, []);
  });
}

test('clients of both nodes that come, go and chat at once all hear each other in order', async () => {
  const clients = [];
  for (let i = 0; i < 6; i++) clients.push(await register(i % 2 ? 'nest' : 'gateway'));
  const passing = [await register('nest'), await register('gateway')];
  for (let n = 0; n < 50; n++) {
    for (const [i, { socket }] of clients.entries()) socket.emit('messages', { nickname: `c${i}`, message: n });
    if (n === 25) for (const { socket } of passing) socket.disconnect();
  }
  await until(() => clients.every(({ heard }) => heard.length >= 300), '300 messages for everybody');
  for (const { heard } of clients) {
    assert.equal(heard.length, 300);
    for (const i of clients.keys()) {
      const numbers = heard.filter(([, m]) => m.nickname === `c${i}`).map(([, m]) => m.message);
      assert.deepEqual(numbers, [...Array(50).keys()], `c${i} is heard in order`);
    }
  }
});

test('both say hello over HTTP', async () => {
  for (const url of Object.values(urls)) assert.equal(await (await fetch(url)).text(), 'Hello World!');
});
