// What the tests with the real socket.io-client share. The environment says what to test:
//
//   URL        the service
//   CLIENT     the version of socket.io-client: 4.8.3, 4.5.4, 4.0.2 or 3.1.3
//   TRANSPORT  polling, websocket, default (polling, then the upgrade), or frontend (the old chat page's options)
//   PARSER     msgpack, if the service speaks that
//   NODES      set if the service has several nodes, so that two clients may be on different ones
//   CONTROL    where the service can be stopped and started

import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { sleep, until } from '../waiting.mjs';
import { next } from './messages.mjs';

export { ask, collect, next } from './messages.mjs';
export { control, patience, sleep, until } from '../waiting.mjs';

const packages = {
  '4.8.3': 'socket.io-client',
  '4.5.4': 'socket.io-client-4.5.4',
  '4.0.2': 'socket.io-client-4.0.2',
  '3.1.3': 'socket.io-client-3.1.3',
};
export const client = process.env.CLIENT;
export const transport = process.env.TRANSPORT;
const { io } = await import(packages[client]);

const options = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  default: {},
  frontend: { transports: ['websocket', 'polling'], path: '/socket.io/' },
}[transport];
if (process.env.PARSER === 'msgpack') options.parser = (await import('socket.io-msgpack-parser')).default;
assert.ok(options, `no such TRANSPORT: ${transport}`);

/** Whether two clients may be on different nodes. */
export const severalNodes = Boolean(process.env.NODES);

/** The transport on which a client ends up. */
export const settlesOn = transport === 'polling' ? 'polling' : 'websocket';

/** The transport with which a client starts. */
export const beginsOn = ['polling', 'default'].includes(transport) ? 'polling' : 'websocket';

/** How long to wait for an answer that must not come, in milliseconds. */
export const silence = 400;

let open = [];

afterEach(async () => {
  if (severalNodes) await sleep(silence); // what a test said last may still be under way to another node's clients
  for (const socket of open) {
    socket.removeAllListeners();
    socket.io.reconnection(false);
    socket.disconnect();
    socket.io.engine?.close();
  }
  open = [];
});

/** A client of a namespace, at URL unless the options have another, not connected yet. It ends with the test. */
export function prepare(namespace = '', { url = process.env.URL, ...more } = {}) {
  const socket = io(url + namespace, {
    forceNew: true,
    reconnectionDelay: 100,
    reconnectionDelayMax: 300,
    ...options,
    ...more,
  });
  open.push(socket);
  return socket;
}

/** A connected client. */
export async function connect(namespace = '', more = {}) {
  const socket = prepare(namespace, more);
  await next(socket, 'connect');
  return socket;
}

/** A client that has joined the chat's room. */
export async function register() {
  const socket = await connect();
  socket.emit('registrar');
  await next(socket, 'registrado');
  return socket;
}

/** Waits until the client is on the transport on which it ends up. */
export const settled = (socket) =>
  until(() => socket.io.engine.transport.name === settlesOn && !socket.io.engine.upgrading, `transport ${settlesOn}`);
