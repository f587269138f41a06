// The chat page in Chromium, on every node of a fleet, while its Redis dies and comes back. The environment says:
//
//   PAGES      a JSON object with the URL of each node's page, which talks to that node only
//   CONTROL    where Redis can be killed and restarted
//   CHROMIUM   the browser's program
//   ARTIFACTS  the folder for screenshots

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, newPage } from '../browser.mjs';
import { control } from '../waiting.mjs';

const { ARTIFACTS } = process.env;
const urls = JSON.parse(process.env.PAGES);

/** How long to wait for what must come, in milliseconds: long, because the machine may be busy. */
const patience = 20_000;

/** How soon after Redis is back the nodes must reach each other, in milliseconds. */
const resumesWithin = 5000;

/** How soon a message must reach the clients of its own node while Redis is away, in milliseconds. */
const localWithin = 2000;

let browser;
const faults = [];
const tabs = []; // two on each node: { node, page, name }

before(async () => {
  browser = await launch();
  for (const [node, url] of Object.entries(urls)) {
    const context = await browser.newContext({ locale: 'en-US', viewport: { width: 800, height: 900 } });
    for (const number of [1, 2]) {
      const name = `${node} ${number}`;
      tabs.push({ node, name, page: await openPage(context, name, url) });
    }
  }
});

after(() => browser?.close());

/** Opens the page, which records its own status from then on. Errors and warnings in its console are faults. */
async function openPage(context, name, url) {
  const page = await newPage(context, (fault) => faults.push(`${name}: ${fault}`));
  await page.goto(url);
  await page.locator('#status[data-state="connected"]').waitFor();
  await page.locator('#room').filter({ hasText: 'roomChatTest' }).waitFor();
  await page.evaluate(() => {
    const status = document.getElementById('status');
    window.states = [status.dataset.state];
    new MutationObserver(() => window.states.push(status.dataset.state))
      .observe(status, { attributes: true, attributeFilter: ['data-state'] });
  });
  return page;
}

async function say({ page, name }, message) {
  await page.locator('#nickname').fill(name);
  await page.locator('#message').fill(message);
  await page.locator('#message').press('Enter');
}

/** The texts of all messages that the page shows. */
const texts = ({ page }) =>
  page.evaluate(() => [...document.querySelectorAll('#messages .what')].map((what) => what.textContent));

/** How often the page shows a message with exactly this text. */
const count = async (tab, text) => (await texts(tab)).filter((shown) => shown === text).length;

/** Waits until the tabs show a message and returns how many milliseconds that took. */
async function shown(where, text, timeout = patience) {
  const start = Date.now();
  await Promise.all(where.map(({ page }) =>
    page.locator('#messages .what').getByText(text, { exact: true }).first().waitFor({ timeout })));
  return Date.now() - start;
}

test('one conversation across all nodes', async () => {
  for (const tab of tabs) {
    await say(tab, `hello from ${tab.name}`);
    await shown(tabs, `hello from ${tab.name}`);
  }
});

test('without Redis each node goes on by itself', async () => {
  await control('kill');
  for (let round = 0; round < 3; round++) {
    for (const tab of tabs) {
      const text = `alone ${round} from ${tab.name}`;
      const [near, far] = [tabs.filter(({ node }) => node === tab.node), tabs.filter(({ node }) => node !== tab.node)];
      await say(tab, text);
      const took = await shown(near, text);
      assert.ok(took <= localWithin, `"${text}" took ${took} ms`);
      for (const other of far) assert.equal(await count(other, text), 0, `${other.name} shows "${text}" without Redis`);
    }
  }
});

test('when Redis is back they hear each other again', async () => {
  await control('restart');
  const start = Date.now();
  // One tab of each node says something again and again, until all tabs show it.
  await Promise.all(tabs.filter((tab, i) => i % 2 === 0).map(async (tab) => {
    for (let n = 0; ; n++) {
      const text = `again ${n} from ${tab.name}`;
      await say(tab, text);
      try {
        await shown(tabs, text, 250);
        break;
      } catch (error) {
        if (Date.now() - start > patience) throw error;
      }
    }
    const took = Date.now() - start;
    console.log(`all nodes hear ${tab.node} ${took} ms after Redis is back`);
    assert.ok(took <= resumesWithin, `all nodes hear ${tab.node} after ${took} ms`);
  }));
  for (const tab of tabs) {
    await say(tab, `together from ${tab.name}`);
    await shown(tabs, `together from ${tab.name}`);
  }
});

test('nothing came twice, and who spoke is heard in order', async () => {
  const late = {};
  for (const tab of tabs) {
    const messages = await texts(tab);
    assert.equal(new Set(messages).size, messages.length, `${tab.name} shows a message twice: ${messages}`);
    for (const { node, name } of tabs) {
      const from = messages.filter((text) => text.endsWith(` from ${name}`));
      const order = from.map((text) => {
        const [kind, number] = text.split(' ');
        return ['hello', 'alone', 'again', 'together'].indexOf(kind) * 1000 + (Number(number) || 0);
      });
      assert.deepEqual(order, order.toSorted((a, b) => a - b), `${tab.name} hears ${name}: ${from}`);
      const alone = from.filter((text) => text.startsWith('alone')).length;
      if (node === tab.node) assert.equal(alone, 3, `${tab.name} hears ${name} while Redis is away`);
      else late[`${node} to ${tab.node}`] = (late[`${node} to ${tab.node}`] ?? 0) + alone;
    }
  }
  // With Pub/Sub a message waits for Redis, but not until its receivers have subscribed there again.
  for (const [way, n] of Object.entries(late)) {
    console.log(`said while Redis was away, ${way}: ${n} of 12 arrived when it was back`);
  }
});

test('the pages have noticed nothing', async () => {
  for (const { name, page } of tabs) {
    assert.deepEqual(await page.evaluate(() => window.states), ['connected'], `the status of ${name}`);
  }
  await tabs[0].page.screenshot({ path: `${ARTIFACTS}/fleet-${tabs[0].node}.png` });
  await tabs.at(-1).page.screenshot({ path: `${ARTIFACTS}/fleet-${tabs.at(-1).node}.png` });
  assert.deepEqual(faults, [], 'faults in the consoles');
});
