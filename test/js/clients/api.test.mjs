// What Node.js's server has beside what most programs use. The server is js/library/api.mjs or fixture/api.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { io } from 'socket.io-client';
import WebSocket from 'ws';

const url = process.env.URL;
const engine = `${url}/socket.io/?EIO=4`;
const get = (path) => fetch(url + path).then((r) => r.json());
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until f returns something true. */
async function until(f) {
  for (let i = 0; ; i++) {
    const value = await f();
    if (value) return value;
    assert.ok(i < 400, `waited in vain for ${f}`);
    await sleep(25);
  }
}

/** A WebSocket connection, and the answer to its handshake. message gets what comes. */
function dial(params, options = {}, message = () => {}) {
  const ws = new WebSocket(`${engine.replace('http', 'ws')}&${params}`, options);
  ws.on('error', () => {});
  ws.on('message', (data) => (data.toString() === '2' ? ws.send('3') : message(data.toString())));
  return new Promise((resolve) => {
    ws.on('upgrade', (response) => resolve({ ws, response }));
    ws.on('unexpected-response', (_, response) => resolve({ ws, response }));
  });
}

async function connect(options = {}) {
  const socket = io(url, { forceNew: true, ...options });
  await new Promise((resolve, reject) => socket.on('connect', resolve).on('connect_error', reject));
  return socket;
}

async function using(socket, f) {
  try {
    await f(socket);
  } finally {
    socket.disconnect();
  }
}

test('headers of answers', async () => {
  const handshake = await fetch(`${engine}&transport=polling`, { headers: { origin: 'https://a.chat.example' } });
  const { sid } = JSON.parse((await handshake.text()).slice(1));
  const post = await fetch(`${engine}&transport=polling&sid=${sid}`, { method: 'POST', body: '40' });
  const poll = await fetch(`${engine}&transport=polling&sid=${sid}`);
  const opened = await dial('transport=websocket');
  const upgraded = await dial(`transport=websocket&sid=${sid}`);
  const seen = {
    handshake: handshake.headers, post: post.headers, poll: poll.headers,
    opened: new Headers(opened.response.headers), upgraded: new Headers(upgraded.response.headers),
  };
  assert.deepEqual(Object.entries(seen).map(([name, h]) => [name, h.get('x-first'), h.get('x-every')]), [
    ['handshake', '1', 'polling'], ['post', null, 'polling'], ['poll', null, 'polling'],
    ['opened', '1', 'websocket'], ['upgraded', null, 'websocket'],
  ]);
  assert.equal(seen.handshake.get('set-cookie'), `io=${sid}; Path=/; HttpOnly; SameSite=Lax`);
  assert.equal(seen.opened.get('set-cookie'), null);
  assert.equal(seen.handshake.get('access-control-allow-origin'), 'https://a.chat.example');
  assert.equal(seen.handshake.get('vary'), 'Origin');
  for (const { ws } of [opened, upgraded]) ws.terminate();
});

test('origins by name and by pattern', async () => {
  for (const [origin, allowed] of [
    ['https://named.example', true], ['https://chat.example', true], ['https://ab.chat.example', true],
    ['https://chat.example.evil.example', false], ['http://chat.example', false],
  ]) {
    const { headers } = await fetch(`${engine}&transport=polling`, { headers: { origin } });
    assert.equal(headers.get('access-control-allow-origin'), allowed ? origin : null, origin);
    const { ws, response } = await dial('transport=websocket', { origin });
    assert.equal(response.headers['access-control-allow-origin'], allowed ? origin : undefined, origin);
    ws.terminate();
  }
  await get('/errors');
});

test('connection_error and its context', async () => {
  const { sid } = JSON.parse((await (await fetch(`${engine}&transport=polling&id=mine`)).text()).slice(1));
  assert.equal(sid, 'mine');
  const base = `${url}/socket.io/?`;
  const statuses = [];
  for (const [query, options] of [
    ['EIO=4&transport=foo'],
    ['EIO=4&transport=polling&sid=unknown'],
    ['EIO=4&transport=polling', { method: 'POST' }],
    ['EIO=4&transport=websocket'],
    ['EIO=4&transport=websocket&sid=mine'],
    ['EIO=4&transport=polling', { headers: { 'x-forbid': '1' } }],
    ['EIO=3&transport=polling'],
    ['EIO=4&transport=polling&id=bad'],
  ]) {
    const response = await fetch(base + query, options);
    statuses.push([response.status, await response.json()]);
  }
  const { response } = await dial('transport=websocket', { headers: { 'x-forbid': '1' } });
  statuses.push([response.statusCode, (await response.toArray()).join('')]);
  assert.deepEqual(statuses, [
    [400, { code: 0, message: 'Transport unknown' }],
    [400, { code: 1, message: 'Session ID unknown' }],
    [400, { code: 2, message: 'Bad handshake method' }],
    [400, { code: 3, message: 'Bad request' }],
    [400, { code: 3, message: 'Bad request' }],
    [403, { code: 4, message: 'no way' }],
    [400, { code: 5, message: 'Unsupported protocol version' }],
    [400, { code: 3, message: 'Bad request' }],
    [400, 'no way'],
  ]);
  assert.deepEqual(await get('/errors'), [
    { code: 0, context: { transport: 'foo' } },
    { code: 1, context: { sid: 'unknown' } },
    { code: 2, context: { method: 'POST' } },
    { code: 3, context: { name: 'TRANSPORT_HANDSHAKE_ERROR' } },
    { code: 3, context: { name: 'TRANSPORT_MISMATCH', transport: 'websocket', previousTransport: 'polling' } },
    { code: 4, context: { message: 'no way' } },
    { code: 5, context: { protocol: 3 } },
    { code: 3, context: { name: 'ID_GENERATION_ERROR' } },
    { code: 4, context: { message: 'no way' } },
  ]);
});

test('events of the connection', async () => {
  const before = (await get('/conns')).length;
  const socket = await connect({ transports: ['polling', 'websocket'] });
  const told = async () => (await get('/conns'))[before];
  await until(async () => (await told()).some(([event]) => event === 'upgrade'));
  assert.equal(await socket.emitWithAck('echo', 1), 1);
  await until(async () => (await told()).some(([event]) => event === 'heartbeat'));
  socket.disconnect();
  await until(async () => (await told()).some(([event]) => event === 'close'));
  const seen = await told();
  assert.ok(seen.some(([event]) => event === 'drain'));
  const chatter = ([event, type]) => event === 'drain' || event === 'heartbeat' || type === 'ping' || type === 'pong';
  assert.deepEqual(seen.filter((e) => !chatter(e)).map((e) => e.join(' ').replace(/"sid":"[^"]*"/, '"sid":"*"')), [
    'packet message 0', 'packetCreate message 0{"sid":"*"}', 'upgrading websocket', 'upgrade websocket',
    'packet message 20["echo",1]', 'packetCreate message 30[1]', 'packet message 1', 'close transport close',
  ]);
  const beats = seen.filter(([event, type]) => event === 'heartbeat' || type === 'ping' || type === 'pong');
  assert.deepEqual(beats.slice(0, 3), [['packetCreate', 'ping', ''], ['packet', 'pong', ''], ['heartbeat']]);
});

test('listeners come and go', async () => {
  await using(await connect(), async (socket) => {
    // Node.js's server has a listener of its own for errors.
    const which = () => new Promise((resolve) =>
      socket.emit('which', (names, ...counts) => resolve([names.filter((name) => name !== 'error'), ...counts])));
    const own = ['echo', 'emit', 'ids', 'join', 'listen', 'overhear', 'ran', 'send', 'unlisten', 'which'];
    assert.deepEqual(await which(), [own, 0, 0, 0]);
    await socket.emitWithAck('listen');
    const all = [...own, 'say'].sort();
    assert.deepEqual(await which(), [all, 3, 2, 0]);
    // Node.js's server goes through the catch-all listeners of several events before the others of the first.
    const say = async (what) => {
      socket.emit('say', what);
      await socket.emitWithAck('echo', 0);
      return (await socket.emitWithAck('ran')).filter((name) => !/:(echo|which|ran|unlisten)$/.test(name));
    };
    assert.deepEqual(await say('a'), ['first:say', 'any:say', 'once:a', 'on:a', 'last:a']);
    assert.deepEqual(await say('b'), ['first:say', 'any:say', 'on:b', 'last:b']);
    assert.deepEqual(await which(), [all, 2, 2, 0]);
    await socket.emitWithAck('unlisten');
    assert.deepEqual(await which(), [own, 0, 0, 0]);
    assert.deepEqual(await say('c'), []);
  });
});

test('what is sent is overheard', async () => {
  await using(await connect({ ackTimeout: 5000 }), async (socket) => {
    socket.on('question', (ack) => ack());
    socket.on('survey', (ack) => ack());
    await socket.emitWithAck('overhear');
    await socket.emitWithAck('emit');
    const want = ['one', 'all', 'room', 'volatile', 'question', 'survey'];
    assert.deepEqual(await socket.emitWithAck('ran'), want.flatMap((name) => [`first:${name}`, `second:${name}`]));
  });
});

test('send, and the ids of the sockets in a room', async () => {
  await using(await connect(), async (a) => {
    await using(await connect(), async (b) => {
      const message = new Promise((resolve) => a.on('message', (...args) => resolve(args)));
      a.emit('send');
      assert.deepEqual(await message, ['hello', 1]);
      for (const socket of [a, b]) await socket.emitWithAck('join', 'ids');
      assert.deepEqual(await a.emitWithAck('ids', 'ids'), [a.id, b.id].sort());
      assert.deepEqual(await a.emitWithAck('ids', 'empty'), []);
    });
  });
});

const text = Array.from({ length: 2000 }, () => Math.random().toString(36)[3] ?? 'x').join('');

/** Sends text n times by way of a client of the ws package and returns how much went over the wire each way. */
async function exchange(perMessageDeflate, n) {
  const queue = [];
  let wake = () => {};
  const { ws, response } = await dial('transport=websocket', { perMessageDeflate }, (data) => {
    queue.push(data);
    wake();
  });
  const next = async () => {
    while (queue.length === 0) await new Promise((resolve) => (wake = resolve));
    return queue.shift();
  };
  assert.match(await next(), /^0\{/);
  ws.send('40');
  assert.match(await next(), /^40\{/);
  const [read, written] = [ws._socket.bytesRead, ws._socket.bytesWritten];
  for (let i = 0; i < n; i++) {
    ws.send(`42${i}["echo","${text}",${i}]`);
    assert.equal(await next(), `43${i}["${text}",${i}]`);
  }
  const result = {
    agreed: response.headers['sec-websocket-extensions'],
    read: ws._socket.bytesRead - read, written: ws._socket.bytesWritten - written,
  };
  ws.terminate();
  return result;
}

// 2,000 characters of 36 are 1,300 bytes; again they are a few. There may be a ping among it.
const few = 2 * 2000 + 50 * 100;
const many = 50 * 1200;

test('compression with context takeover, by default', async () => {
  const { agreed, read, written } = await exchange({ threshold: 0 }, 50);
  assert.equal(agreed, 'permessage-deflate');
  assert.ok(read < few && written < few, `${read} bytes read, ${written} written`);
});

test('compression without context takeover, where the client wants that', async () => {
  const server = await exchange({ threshold: 0, serverNoContextTakeover: true }, 50);
  assert.match(server.agreed, /server_no_context_takeover/);
  assert.ok(server.read > many && server.written < few, JSON.stringify(server));
  const client = await exchange({ threshold: 0, clientNoContextTakeover: true }, 50);
  assert.match(client.agreed, /client_no_context_takeover/);
  assert.ok(client.read < few && client.written > many, JSON.stringify(client));
});

test('compression with small windows, or none', async () => {
  for (const options of [{ clientMaxWindowBits: 9 }, { serverMaxWindowBits: 15 }, { serverMaxWindowBits: 10 }, false]) {
    await exchange(options, 10);
  }
});
