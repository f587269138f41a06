import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, collect, connect, next, settled, until } from '../clients/support.mjs';

test('a client that was away for a moment gets what it has missed', async () => {
  const [reader, writer] = [await connect(), await connect()];
  await settled(reader);
  await ask(reader, 'follow', 'go');
  const heard = collect(reader, 'news');
  writer.emit('publish', 'go', 'before');
  await until(() => heard.length === 1, 'the first news');
  const id = reader.id;

  // Longer than a busy server takes to notice the loss.
  reader.io.reconnectionDelay(1500);
  reader.io.reconnectionDelayMax(1500);
  const gone = next(reader, 'disconnect');
  reader.io.engine.transport.ws.close(); // without a goodbye
  await gone;
  writer.emit('publish', 'go', 'meanwhile');
  await next(reader, 'connect');
  assert.deepEqual([reader.recovered, reader.id], [true, id]);
  writer.emit('publish', 'go', 'after');
  await until(() => heard.length === 3, 'all news');
  assert.deepEqual(heard, ['before', 'meanwhile', 'after']);
});
