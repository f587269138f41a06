// The Socket.IO Admin UI, as the gateway serves it, in a real Chromium. The environment says:
//
//   NODES      host:port of two gateways of a cluster; the password of ana is "correct horse"
//   READERS    a gateway for looking only, whose page is at /ops/look/; the password of bia is "only looking"
//   OPEN       a gateway in production mode that asks for no password
//   CHROMIUM   the browser's program
//   ARTIFACTS  the folder for screenshots

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { launch, newPage } from '../browser.mjs';

const { READERS, OPEN, ARTIFACTS } = process.env;
const nodes = process.env.NODES.split(',').map((addr) => `http://${addr}`);
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
  assert.deepEqual(found, [], 'faults in the console, violations of the policy and requests elsewhere');
});

/** What Chromium says where the UI itself hangs up, as with a wrong password, while its client is still upgrading. */
const hungUp = /WebSocket is closed before the connection is established\.$/;

/** Opens the UI in a browser profile of its own. Whatever the policy forbids it fails the test. */
async function openPage(url) {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1400, height: 900 } });
  contexts.push(context);
  const page = await newPage(context, (fault) => hungUp.test(fault) || faults.push(fault));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) =>
      console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  });
  page.on('request', (request) => {
    const { host, protocol } = new URL(request.url());
    if (host !== new URL(url).host && protocol !== 'data:') faults.push(`asked for ${request.url()}`);
  });
  const response = await page.goto(url);
  assert.equal(response.status(), 200);
  return page;
}

async function login(page, user, password) {
  const fields = page.locator('.v-dialog form input');
  await fields.nth(1).fill(user);
  await fields.nth(2).fill(password);
  await page.getByRole('button', { name: 'Connect' }).click();
}

/** A client of the chat, in its room. */
async function chatter(url, transport) {
  const socket = io(url, { transports: [transport], forceNew: true });
  sockets.push(socket);
  socket.emit('registrar');
  await new Promise((resolve) => socket.once('registrado', resolve));
  return socket;
}

/** Turns to a view, and waits until the one before has slid away. */
async function go(page, name) {
  await page.locator('.v-navigation-drawer').getByText(name, { exact: true }).click();
  await page.waitForFunction((title) => {
    const views = [...document.querySelectorAll('.v-breadcrumbs')];
    return views.length === 1 && views[0].textContent.trim() === title;
  }, name);
}

const shot = (page, name) => page.screenshot({ path: `${ARTIFACTS}/admin-${name}.png` });

test('an admin logs in, sees both nodes, and acts on them', async () => {
  const [first, second] = nodes;
  const here = await chatter(first, 'websocket');
  const there = await chatter(second, 'polling');
  const page = await openPage(`${first}/admin/`);
  await page.locator('.v-dialog form').waitFor();
  assert.equal(await page.locator('.v-dialog form input').first().inputValue(), first, 'the form knows its server');
  await login(page, 'ana', 'wrong');
  await page.locator('.v-dialog').getByText('Invalid credentials').waitFor();
  await shot(page, 'refused');
  await login(page, 'ana', 'correct horse');
  await page.locator('.v-dialog').waitFor({ state: 'hidden' });

  await go(page, 'Servers');
  await page.locator('tbody tr').nth(1).waitFor();
  assert.equal(await page.locator('tbody tr').count(), 2);
  await shot(page, 'servers');

  await go(page, 'Sockets');
  for (const socket of [here, there]) await page.locator('tbody tr', { hasText: socket.id }).waitFor();
  await page.locator('tbody tr', { hasText: there.id }).getByText('HTTP long-polling').waitFor();
  await shot(page, 'sockets');

  await go(page, 'Rooms');
  await page.locator('tbody tr', { hasText: 'roomChatTest' }).waitFor();
  await shot(page, 'rooms');

  // A client that comes later, with what it says.
  const later = await chatter(second, 'websocket');
  later.emit('messages', { nickname: 'Bia', message: 'seen by an admin' });
  await go(page, 'Events');
  await page.locator('tbody tr', { hasText: 'registrar' }).first().waitFor();
  await page.locator('tbody tr', { hasText: 'messages' }).first().locator('button').click();
  await page.getByText('seen by an admin').first().waitFor();
  await shot(page, 'events');

  // Commands, to a socket of the other node.
  await go(page, 'Sockets');
  await page.locator('tbody tr', { hasText: later.id }).click();
  await page.getByLabel('Join a room').waitFor();
  await shot(page, 'socket');
  await page.getByLabel('Join a room').fill('by-hand');
  await page.locator('.v-main form button[type=submit]').click();
  await page.locator('tbody tr', { hasText: 'by-hand' }).waitFor();
  await shot(page, 'joined');
  await page.locator('tbody tr', { hasText: 'by-hand' }).locator('button').last().click(); // which leads to the room too
  await go(page, 'Rooms');
  await page.locator('tbody tr', { hasText: 'by-hand' }).waitFor({ state: 'detached' });

  await go(page, 'Sockets');
  const gone = new Promise((resolve) => later.once('disconnect', resolve));
  const row = page.locator('tbody tr', { hasText: later.id });
  await row.locator('button').click();
  assert.equal(await gone, 'io server disconnect');
  await go(page, 'Sockets'); // the button has led to the socket's view too
  await row.waitFor({ state: 'detached' });
  assert.ok(there.connected && here.connected);

  await go(page, 'Dashboard');
  await page.getByText('Servers').first().waitFor();
  await shot(page, 'dashboard');

  // The session stands for the password, on the other node too.
  const session = await page.evaluate(() => localStorage.getItem('session_id'));
  assert.match(session, /^[0-9a-f]{48}$/);
  await page.reload();
  await go(page, 'Sockets');
  await page.locator('tbody tr', { hasText: here.id }).waitFor();
  const admin = io(`${second}/admin`, { auth: { sessionId: session }, forceNew: true });
  sockets.push(admin);
  await new Promise((resolve, reject) => {
    admin.once('connect', resolve);
    admin.once('connect_error', reject);
  });
});

test('a page for looking only', async () => {
  const client = await chatter(READERS, 'websocket');
  const page = await openPage(`${READERS}/ops/look/`);
  await login(page, 'bia', 'only looking');
  await page.locator('.v-dialog').waitFor({ state: 'hidden' });
  await go(page, 'Sockets');
  const row = page.locator('tbody tr', { hasText: client.id });
  await row.waitFor();
  assert.equal(await row.locator('button').count(), 0, 'there is no button to disconnect a socket');
});

test('numbers, without a form', async () => {
  const client = await chatter(OPEN, 'websocket');
  const page = await openPage(`${OPEN}/admin`);
  await page.locator('.v-navigation-drawer').getByText('Servers', { exact: true }).waitFor();
  assert.equal(await page.locator('.v-navigation-drawer').getByText('Sockets', { exact: true }).count(), 0);
  client.emit('messages', { nickname: 'Bia', message: 'counted' });
  await page.locator('.v-main code').getByText('/admin', { exact: true }).waitFor(); // the numbers have come
  await shot(page, 'numbers');
});

test('in the dark', async () => {
  const page = await openPage(`${OPEN}/admin/`);
  await page.evaluate(() => localStorage.setItem('dark_theme', 'true'));
  await page.reload();
  await page.locator('.theme--dark').first().waitFor();
  await shot(page, 'dark');
});
