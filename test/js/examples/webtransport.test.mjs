// The page of examples/webtransport in a real Chromium, at the path that CHROMIUM in the environment names.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { newPage } from '../browser.mjs';

const { URL: url } = process.env;
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
});

after(() => browser?.close());

/** A page that has upgraded to WebTransport. It has no WebSocket, to which it upgrades where the other is slow. */
async function open() {
  const faults = [];
  const page = await newPage(await browser.newContext(), (fault) => faults.push(fault));
  page.setDefaultTimeout(60_000);
  await page.addInitScript(() => { globalThis.WebSocket = undefined; });
  await page.goto(url);
  await page.locator('#transport').filter({ hasText: 'webtransport' }).waitFor();
  return { page, faults };
}

async function say(page, text) {
  await page.locator('#text').fill(text);
  await page.locator('#say').click();
}

const hears = (page, text) => page.locator('#said li').filter({ hasText: text }).waitFor();

test('two pages chat over WebTransport', async () => {
  const one = await open();
  const other = await open();
  await say(one.page, 'hello');
  await say(other.page, 'good day');
  for (const { page } of [one, other]) {
    await hears(page, 'hello');
    await hears(page, 'good day');
  }
  assert.deepEqual([...one.faults, ...other.faults], []);
});

// No look at the console: whoever closes its own WebTransport there gets an uncaught error of socket.io-client 4.8.3.
test('a page connects by WebTransport alone, and comes back', async () => {
  const { page } = await open();
  const answer = await page.evaluate(async () => {
    const direct = io({ ...socket.io.opts, forceNew: true, transports: ['webtransport'] });
    const next = (event) => new Promise((resolve) => direct.once(event, resolve));
    await next('connect');
    const first = direct.io.engine.transport.name;
    direct.emit('say', 'x'.repeat(200_000));
    const text = await next('said');
    const disconnected = next('disconnect');
    direct.io.engine.close();
    const reason = await disconnected;
    await next('connect');
    const again = direct.io.engine.transport.name;
    direct.close();
    return { first, length: text.length, reason, again };
  });
  assert.deepEqual(answer, {
    first: 'webtransport', length: 200_000, reason: 'forced close', again: 'webtransport',
  });
});
