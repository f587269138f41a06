import assert from 'node:assert/strict';
import { connect as dial } from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { connect, next } from '../clients/support.mjs';

/** A client that speaks lines. */
function device() {
  const stream = dial(Number(process.env.LINES_PORT), '127.0.0.1');
  const packets = createInterface({ input: stream })[Symbol.asyncIterator]();
  return {
    stream,
    send: (packet) => stream.write(`${JSON.stringify(packet)}\n`),
    next: async () => {
      const { value } = await packets.next();
      return value && JSON.parse(value);
    },
  };
}

test('a device that speaks lines and a browser hear each other', async () => {
  const socket = await connect('', { transports: ['websocket'] });
  const lines = device();
  lines.send('0');
  assert.deepEqual(JSON.parse((await lines.next()).slice(1)).upgrades, []);
  lines.send('40');
  assert.match(await lines.next(), /^40\{"sid":/);

  let said = next(socket, 'said');
  lines.send('42["say","hello\\n<you>"]');
  assert.equal(await lines.next(), '42["said","lines","hello\\n<you>"]');
  assert.deepEqual(await said, ['lines', 'hello\n<you>']);

  said = next(socket, 'said');
  lines.send('451-["say",{"_placeholder":true,"num":0}]');
  lines.send({ base64: 'AQID' });
  assert.equal(await lines.next(), '451-["said","lines",{"_placeholder":true,"num":0}]');
  assert.deepEqual(await lines.next(), { base64: 'AQID' });
  assert.deepEqual(await said, ['lines', Buffer.from([1, 2, 3])]);

  socket.emit('say', 'and back');
  assert.equal(await lines.next(), '42["said","websocket","and back"]');
  lines.stream.destroy();
});

test('what is no line of it ends the connection', async () => {
  const stranger = device();
  stranger.stream.write('GET / HTTP/1.1\r\n');
  assert.equal(await stranger.next(), undefined);
  for (const line of ['""', 'null', '{}', '{"base64":"AQID"}', '[', '7']) {
    const lines = device();
    lines.send('0');
    assert.match(await lines.next(), /^0\{/);
    lines.stream.write(`${line}\n`);
    assert.equal(await lines.next(), undefined, line);
  }
});
