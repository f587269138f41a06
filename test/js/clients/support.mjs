// What the tests with the real socket.io-client share. The environment says what is tested:
//
//   URL        the service
//   CLIENT     the version of socket.io-client, 4.8.3 or 4.5.4
//   TRANSPORT  polling, websocket, default (polling, then the upgrade), or frontend (the old chat page's options)
//   NODES      set where the service is several nodes, and two clients may be on different ones
//   CONTROL    where the service can be stopped and started

import assert from 'node:assert/strict';
import { afterEach } from 'node:test';

const modules = { '4.8.3': 'socket.io-client', '4.5.4': 'socket.io-client-4.5.4' };
export const client = process.env.CLIENT;
export const transport = process.env.TRANSPORT;
const { io } = await import(modules[client]);

const options = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  default: {},
  frontend: { transports: ['websocket', 'polling'], path: '/socket.io/' },
}[transport];
assert.ok(options, `no such TRANSPORT: ${transport}`);

/** Whether two clients may be on different nodes. */
export const severalNodes = Boolean(process.env.NODES);

/** The transport on which a client stays. */
export const settlesOn = transport === 'polling' ? 'polling' : 'websocket';

/** The transport with which a client begins. */
export const beginsOn = ['polling', 'default'].includes(transport) ? 'polling' : 'websocket';

/** For an answer that must come: generous, because the machine may be busy. */
export const patience = 15_000;

/** For an answer that must not come. */
export const silence = 400;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let open = [];

afterEach(() => {
  for (const socket of open) {
    socket.removeAllListeners();
    socket.io.reconnection(false);
    socket.disconnect();
    socket.io.engine?.close();
  }
  open = [];
});

/** A client of a namespace that is not connected yet. It ends with the test. */
export function prepare(namespace = '', more = {}) {
  const socket = io(process.env.URL + namespace, {
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

/** The arguments of the next event of this name. */
export function next(emitter, event, timeout = patience) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}" within ${timeout} ms`)), timeout);
    emitter.once(event, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

/** Emits and returns what the acknowledgement carries. */
export const ask = (socket, ...args) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${args[0]}: no acknowledgement`)), patience);
    socket.emit(...args, (...answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
  });

/** Collects the first argument of every event of this name. */
export function collect(socket, event) {
  const list = [];
  socket.on(event, (arg) => list.push(arg));
  return list;
}

/** Waits until the condition holds. */
export async function until(condition, what, timeout = patience) {
  const end = Date.now() + timeout;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not happen within ${timeout} ms`);
    await sleep(5);
  }
}

/** Waits until the client is on the transport on which it stays. */
export const settled = (socket) =>
  until(() => socket.io.engine.transport.name === settlesOn && !socket.io.engine.upgrading, `transport ${settlesOn}`);

/** Stops or starts the service. */
export async function control(action) {
  const response = await fetch(`${process.env.CONTROL}/${action}`, { method: 'POST' });
  assert.equal(response.status, 200, await response.text());
}
