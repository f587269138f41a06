import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, connect, next } from '../clients/support.mjs';

const { URL: balancer, ONE: one, OTHER: other } = process.env;

/** What a node has passed on, by its metrics. */
async function passedOn(node) {
  const text = await (await fetch(`${node}/metrics`)).text();
  for (const name of ['sockets', 'redis_up', 'adapter_published_total', 'event_duration_seconds']) {
    assert.match(text, new RegExp(`^# TYPE socketio_${name} `, 'm'));
  }
  return Number(/^socketio_forwarded_requests_total\{result="answered"\} (\d+)$/m.exec(text)[1]);
}

test('a client polls one node for its session on the other', async () => {
  process.env.URL = one;
  const socket = await connect('', { transports: ['polling'] });
  const before = await passedOn(other);
  const { port } = new URL(other);
  socket.io.engine.transport.opts.port = port;
  for (let i = 0; i < 3; i++) {
    const [server] = await ask(socket, 'whoami');
    assert.equal(`http://${server}`, one);
  }
  assert.ok((await passedOn(other)) >= before + 3);
});

test('a balancer may send every request elsewhere', async () => {
  process.env.URL = balancer;
  const polling = await connect('', { transports: ['polling'] });
  const upgrading = await connect();
  for (let i = 0; i < 10; i++) {
    const heard = [next(polling, 'said'), next(upgrading, 'said')];
    (i % 2 ? polling : upgrading).emit('say', i);
    assert.deepEqual(await Promise.all(heard), [[i], [i]]);
  }
  if (upgrading.io.engine.transport.name !== 'websocket') await next(upgrading.io.engine, 'upgrade');
  assert.equal(upgrading.io.engine.transport.name, 'websocket');
});
