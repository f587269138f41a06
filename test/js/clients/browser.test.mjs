// Client bundles in a real browser. The environment says what to test:
//
//   URL       the service
//   CHROMIUM  the browser
//   BUNDLE    the file with the client
//   OPTIONS   its options, as JSON

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { launch, newPage } from '../browser.mjs';

const options = JSON.parse(process.env.OPTIONS);
const browser = await launch();
after(() => browser.close());
const complaints = [];
let clients = 0;
const page = await newPage(await browser.newContext(), (what) => complaints.push(what));
await page.goto(process.env.URL);
await page.addScriptTag({ path: process.env.BUNDLE });

/** Runs a function with a connected client in the page, and returns what it does. */
const withClient = (f, arg) => {
  clients++;
  return page.evaluate(`(async (options, arg) => {
    const socket = window.io({ forceNew: true, reconnection: false, ...options });
    await new Promise((resolve, reject) => {
      socket.on('connect', resolve);
      socket.on('connect_error', reject);
    });
    socket.ask = (...args) => new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));
    try {
      return await (${f})(socket, arg);
    } finally {
      socket.disconnect();
    }
  })(${JSON.stringify(options)}, ${JSON.stringify(arg ?? null)})`);
};

test('texts of all kinds come back', async () => {
  const texts = ['', 'é\u2028🚀 漢字', 'a\nb\\nc\\\\nd\\\n\r\n"\'&=+%41', '1:2', 'x'.repeat(100_000)];
  const answers = await withClient(async (socket, texts) => {
    const answers = [];
    for (const text of texts) answers.push(...(await socket.ask('echo', text)));
    return answers;
  }, texts);
  assert.deepEqual(answers, texts);
});

test('bytes come back', async () => {
  const answer = await withClient(async (socket) => {
    const [object, last] = await socket.ask('echo', { deep: [new Uint8Array([0, 1, 255]).buffer], n: 1.5 }, 'é🚀');
    return [...new Uint8Array(object.deep[0])].concat(object.n, last);
  });
  assert.deepEqual(answer, [0, 1, 255, 1.5, 'é🚀']);
});

test('the server asks, and sends many', async () => {
  const answer = await withClient(async (socket) => {
    socket.on('question', (one, object, ack) => ack([one, object.a]));
    const got = new Promise((resolve) => socket.on('answer', resolve));
    socket.emit('ask');
    const list = [];
    const all = new Promise((resolve) => socket.on('n', (n) => list.push(n) === 500 && resolve()));
    socket.emit('count', 500);
    await all;
    return [await got, list.every((n, i) => n === i), socket.io.engine.transport.name];
  });
  assert.deepEqual(answer.slice(0, 2), [[1, 2], true]);
  const [only] = options.transports ?? [];
  if (only) assert.equal(answer[2], only);
});

test('the browser has nothing to complain about', () => {
  // A poll that the request to close its session has overtaken finds none, as with Node.js. Each client closes once.
  const overtaken = complaints.filter((what) => what.includes('Failed to load resource') && what.includes('400'));
  assert.ok(overtaken.length <= clients, overtaken.join('\n'));
  assert.deepEqual(complaints.filter((what) => !overtaken.includes(what)), []);
});
