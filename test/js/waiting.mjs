// What all scripts share: waiting for what must come, and telling the Go test to do something.

import assert from 'node:assert/strict';

/** How long to wait for what must come, in milliseconds: long, because the machine may be busy. */
export const patience = 15_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the condition holds. */
export async function until(condition, what, timeout = patience) {
  const end = Date.now() + timeout;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not happen within ${timeout} ms`);
    await sleep(5);
  }
}

/** Has the Go test do something, by a POST to a path of the CONTROL in the environment. */
export async function control(action) {
  const response = await fetch(`${process.env.CONTROL}/${action}`, { method: 'POST' });
  assert.equal(response.status, 200, await response.text());
}
