// Waiting for what clients are sent.

import { patience } from '../waiting.mjs';

/** Waits for the next event of this name and returns its arguments. */
export function next(emitter, event, timeout = patience) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}" within ${timeout} ms`)), timeout);
    emitter.once(event, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

/** Emits an event and returns the arguments of its acknowledgement. */
export const ask = (socket, ...args) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${args[0]}: no acknowledgement`)), patience);
    socket.emit(...args, (...answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
  });

/** Returns a list that collects the first argument of every event of this name. */
export function collect(socket, event) {
  const list = [];
  socket.on(event, (arg) => list.push(arg));
  return list;
}
