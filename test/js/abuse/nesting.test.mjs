// A room of real clients, and one that sends what is nested deeper than they can parse: it goes, they stay.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { io } = require('socket.io-client');
const { WebSocket } = require('ws');

const url = process.env.URL;

// member joins the room and keeps what it hears.
async function member(transport) {
  const socket = io(url, { transports: [transport], forceNew: true, reconnection: false });
  const m = { socket, heard: [], ended: null };
  socket.on('disconnect', (reason) => { m.ended = reason; });
  socket.on('messages', (message) => m.heard.push(message));
  socket.emit('registrar');
  await new Promise((resolve, reject) => {
    socket.once('registrado', resolve);
    socket.once('connect_error', reject);
  });
  return m;
}

// attack sends frames as a member of the room, and resolves when the server has closed the connection, with true, or
// has not within the time, with false.
function attack(frames, patience) {
  return new Promise((resolve) => {
    const ws = new WebSocket(url.replace('http', 'ws') + '/socket.io/?EIO=4&transport=websocket');
    const timer = setTimeout(() => { resolve(false); ws.terminate(); }, patience);
    ws.on('close', () => { clearTimeout(timer); resolve(true); });
    ws.on('message', (data) => {
      const text = data.toString();
      if (text === '2') ws.send('3');
      if (text.startsWith('0{')) ws.send('40');
      if (text.startsWith('40')) ws.send('42["registrar"]');
      if (text.startsWith('42["registrado"')) for (const frame of frames) ws.send(frame);
    });
  });
}

const nested = (open, depth, close, inner) => open.repeat(depth) + inner + close.repeat(depth);
const placeholder = '{"_placeholder":true,"num":0}';

for (const [name, frames] of [
  ['arrays round an attachment', [`451-["messages",{"nickname":"x","message":${nested('[', 9900, ']', placeholder)}}]`, Buffer.from('x')]],
  ['objects round an attachment', [`451-["messages",{"nickname":"x","message":${nested('{"a":', 9900, '}', placeholder)}}]`, Buffer.from('x')]],
  ['arrays', [`42["messages",{"nickname":"x","message":${nested('[', 9900, ']', '')}}]`]],
]) {
  test(name, async () => {
    const members = await Promise.all(['websocket', 'polling', 'websocket', 'polling', 'websocket'].map(member));
    try {
      const ended = await attack(frames, 2000);
      members[0].socket.emit('messages', { nickname: 'a', message: 'still here' });
      const deadline = Date.now() + 10000;
      const all = () => members.every((m) => m.heard.some((h) => h.message === 'still here'));
      while (!all() && members.some((m) => m.ended === null) && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const reasons = members.map((m) => m.ended);
      assert.ok(all() && reasons.every((r) => r === null), `the members ended with ${JSON.stringify(reasons)}`);
      assert.ok(ended, 'the sender stays');
    } finally {
      for (const m of members) m.socket.close();
    }
  });
}
