// A process that takes commands on stdin, each a JSON object on a line, and answers on stdout in the same way. Binary
// values are {"$binary": "<base64>"} in both directions. It ends with its stdin.

import { createInterface } from 'node:readline';

export const say = (message) => process.stdout.write(`${JSON.stringify(message, unbinary)}\n`);
export const wrong = (what) => (error) => say({ wrong: `${what}: ${error?.stack ?? error}` });
process.on('unhandledRejection', wrong('unhandled rejection'));
process.on('uncaughtException', wrong('uncaught exception'));

/** JSON.stringify's replacer. It sees a Buffer as {type, data}. */
function unbinary(key, value) {
  return value?.type === 'Buffer' && Array.isArray(value.data)
    ? { $binary: Buffer.from(value.data).toString('base64') }
    : value;
}

/** JSON.parse's reviver. */
function binary(key, value) {
  if (typeof value?.$binary === 'string') return Buffer.from(value.$binary, 'base64');
  if (typeof value?.$date === 'number') return new Date(value.$date);
  return value;
}

/** The selection of a command, on what selects all sockets. */
export function select(target, { flags, to, except }) {
  for (const flag of flags ?? []) {
    target = flag === 'no compress' ? target.compress(false) : target[flag];
  }
  for (const room of to ?? []) target = target.to(room);
  for (const room of except ?? []) target = target.except(room);
  return target;
}

/** Has execute run each command, and says what it returns. */
export function obey(execute) {
  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      const command = JSON.parse(line, binary);
      try {
        say({ id: command.id, result: (await execute(command)) ?? null });
      } catch (error) {
        say({ id: command.id, error: String(error?.stack ?? error) });
      }
    })
    .on('close', () => process.exit(0));
}
