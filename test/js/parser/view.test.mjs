// What our server sends, as a client reads it: each line of the file CORPUS is the messages of one packet, in base64, and
// whether they are binary.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Decoder } from 'socket.io-parser';

test('the client can decode whatever the server sends', () => {
  const lines = readFileSync(process.env.CORPUS, 'utf8').trim().split('\n');
  let bad = 0;
  for (const line of lines) {
    const messages = JSON.parse(line).map(({ Data, Binary }) => {
      const bytes = Buffer.from(Data ?? '', 'base64');
      return Binary ? bytes : bytes.toString();
    });
    const decoder = new Decoder();
    const decoded = [];
    decoder.on('decoded', (packet) => decoded.push(packet));
    try {
      for (const message of messages) decoder.add(message);
      assert.equal(decoded.length, 1, 'it takes it for another number of packets');
    } catch (error) {
      if (++bad <= 10) console.log(`${error.message}: ${messages.map((m) => JSON.stringify(m).slice(0, 200)).join(' ')}`);
    }
  }
  console.log(`${lines.length} packets`);
  assert.equal(bad, 0);
});
