// The chat page in a real Chromium. The environment says:
//
//   URL        the gateway
//   CONTROL    where it can be stopped and started
//   CHROMIUM   the browser's program
//   ARTIFACTS  the folder for screenshots

import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { after, afterEach, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { launch, newPage } from '../browser.mjs';
import { control } from '../waiting.mjs';

const { URL: url, ARTIFACTS } = process.env;
let browser;
let faults = [];
let contexts = [];
let sockets = [];

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

afterEach(async () => {
  for (const socket of sockets) socket.disconnect();
  for (const context of contexts) await context.close();
  [sockets, contexts] = [[], []];
  const found = faults;
  faults = [];
  assert.deepEqual(found, [], 'faults in the console');
});

/** Opens the page in a browser profile of its own. Errors and warnings in its console fail the test. */
async function openPage(options = {}) {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 }, ...options });
  contexts.push(context);
  const page = await newPage(context, (fault) => faults.push(fault));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) =>
      console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
  });
  const response = await page.goto(url);
  assert.equal(response.status(), 200);
  await inState(page, 'connected');
  await page.locator('#room').filter({ hasText: 'roomChatTest' }).waitFor();
  return page;
}

const inState = (page, state) => page.locator(`#status[data-state="${state}"]`).waitFor({ timeout: 30_000 });

async function say(page, nickname, message) {
  await page.locator('#nickname').fill(nickname);
  await page.locator('#message').fill(message);
  await page.locator('#message').press('Enter');
}

/** Waits until the list has a message with this text, exactly once, and returns what it shows. */
async function shown(page, text) {
  const item = page.locator('#messages li').filter({ hasText: text });
  await item.first().waitFor();
  assert.equal(await item.count(), 1, `"${text}" is shown once`);
  return item.innerText();
}

/** Whether the page is no wider than its window. */
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);

/** A client in the room that is not a browser. */
async function stranger() {
  const socket = io(url, { transports: ['websocket'] });
  sockets.push(socket);
  socket.emit('registrar');
  await new Promise((resolve) => socket.once('registrado', resolve));
  return socket;
}

test('two tabs chat', async () => {
  const [ana, bia] = [await openPage(), await openPage()];
  await say(ana, 'Ana', 'hello from Ana');
  await say(bia, 'Bia', 'hello from Bia');
  for (const page of [ana, bia]) {
    const fromAna = await shown(page, 'hello from Ana');
    assert.ok(fromAna.includes('Ana') && fromAna.includes(hostname()), fromAna);
    await shown(page, 'hello from Bia');
  }
  assert.equal(await ana.locator('#message').inputValue(), '', 'the field is empty for the next message');
});

test('the page offers a nickname and speaks the language of its reader', async () => {
  const english = await openPage();
  const suggested = await english.locator('#nickname').inputValue();
  assert.notEqual(suggested, '');
  await english.getByRole('button', { name: 'New one' }).click();
  assert.notEqual(await english.locator('#nickname').inputValue(), '');
  await english.getByRole('button', { name: 'Send' }).waitFor();
  const portuguese = await openPage({ locale: 'pt-BR' });
  await portuguese.getByRole('button', { name: 'Enviar' }).waitFor();
  assert.equal(await portuguese.locator('html').getAttribute('lang'), 'pt-BR');
});

test('the chat works by keyboard alone', async () => {
  const page = await openPage();
  await page.locator('#nickname').focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('Kim');
  for (let i = 0; i < 5; i++) {
    await page.keyboard.press('Tab');
    if (await page.locator('#message').evaluate((field) => field === document.activeElement)) break;
  }
  await page.keyboard.type('by keyboard');
  await page.keyboard.press('Enter');
  assert.ok((await shown(page, 'by keyboard')).includes('Kim'));
});

test('markup from others stays text', async () => {
  const [ana, bia] = [await openPage(), await openPage()];
  const other = await stranger();
  const attacks = [
    '<img src=x onerror="window.attacked=1">',
    '<script>window.attacked=2</script>',
    '"><svg onload=window.attacked=3>',
    '<a href="javascript:window.attacked=4">link</a>',
  ];
  for (const [i, attack] of attacks.entries()) {
    await say(ana, attack, `${attack} typed ${i}`);
    other.emit('messages', { nickname: attack, message: `${attack} sent ${i}` });
    for (const page of [ana, bia]) {
      assert.ok((await shown(page, `typed ${i}`)).includes(attack));
      assert.ok((await shown(page, `sent ${i}`)).includes(attack));
    }
  }
  for (const page of [ana, bia]) {
    assert.equal(await page.locator('#messages :is(img, script, svg, a)').count(), 0);
    assert.equal(await page.evaluate(() => window.attacked), undefined);
  }
});

test('messages that are no texts do not break the page', async () => {
  const page = await openPage();
  const other = await stranger();
  const odd = [
    [], ['just a string'], [null], [5], [[]], [{}, {}], [{ nickname: null, message: null }],
    [{ nickname: { toString: 1 }, message: ['a', { b: [1] }] }], [{ nickname: 7, message: false }],
    [{ nickname: Buffer.from([1]), message: Buffer.from([1, 2, 3]) }],
    [{ nickname: 'x'.repeat(50_000), message: 'y'.repeat(50_000) }],
    [{ message: { length: 5 } }], [{ nickname: '\u202e\u0000', message: '\ud83d' }],
  ];
  for (const args of odd) other.emit('messages', ...args);
  other.emit('messages', { nickname: 'Eve', message: 'the last one' });
  await shown(page, 'the last one');
  // Two are answered with an exception to their sender; the others are shown.
  assert.equal(await page.locator('#messages li').count(), odd.length - 2 + 1);
  assert.ok(await fits(page), 'nothing runs out of the page');
});

test('the status follows the server when it stops and starts', async () => {
  const page = await openPage();
  await say(page, 'Ana', 'before');
  await shown(page, 'before');
  await control('stop');
  await page.locator('#status:not([data-state="connected"])').waitFor();
  await page.locator('#room').waitFor({ state: 'hidden' });
  await control('start');
  await inState(page, 'connected');
  await page.locator('#room').filter({ hasText: 'roomChatTest' }).waitFor();
  await say(page, 'Ana', 'after');
  await shown(page, 'after');
  // The browser itself reports in the console that it could not connect meanwhile.
  const expected = /ERR_CONNECTION_REFUSED|WebSocket connection to .* failed|Failed to load resource/;
  faults = faults.filter((fault) => !expected.test(fault));
});

test('the page is served to browsers only, with a strict policy', async () => {
  const asBrowser = await fetch(url, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
  const policy = asBrowser.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.match(asBrowser.headers.get('vary'), /accept/i);
  const html = await asBrowser.text();
  assert.match(html, /<html/);
  assert.match(html, /\/socket\.io\/socket\.io\.min\.js/, 'the client comes from the gateway');
  assert.equal(await (await fetch(url, { headers: { accept: '*/*' } })).text(), 'Hello World!');
});

for (const [name, width, height] of [['desktop', 1280, 800], ['phone', 375, 812]]) {
  test(`a screenshot on a ${name}`, async () => {
    const page = await openPage({ viewport: { width, height }, hasTouch: width < 500 });
    const other = await stranger();
    await say(page, 'Ana', 'Oi! Is anybody here?');
    await shown(page, 'Is anybody here?');
    const long = 'Yes, and this is a longer message, so that it has to be broken into lines on a narrow screen. 🚀';
    other.emit('messages', { nickname: 'Bia', message: long });
    other.emit('messages', { nickname: 'Caio', message: 'https://example.com/' + 'a'.repeat(120) });
    await shown(page, 'longer message');
    await shown(page, 'https://example.com/');
    assert.ok(await fits(page), 'nothing runs out of the page');
    for (const id of ['#message', '#send', '#nickname', '#status']) {
      const box = await page.locator(id).boundingBox();
      assert.ok(box.x >= 0 && box.y >= 0, `${id} is in view`);
      assert.ok(box.x + box.width <= width && box.y + box.height <= height, `${id} is in view`);
    }
    await page.screenshot({ path: `${ARTIFACTS}/page-${name}.png` });
  });
}
