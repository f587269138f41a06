// Clients of the real socket.io-client, old and new. They register, chat, and come back by themselves when they lose
// their server. On stdout they report what they send and see, one JSON object a line. The line "quiet" on stdin makes
// them stop chatting; its end makes them leave.
//
// Environment: URL, CLIENTS (how many), SAY_EVERY (roughly, in milliseconds), ONLY (a version of the client; default:
// both).

import { createInterface } from 'node:readline';
import { io as io483 } from 'socket.io-client';
import { io as io454 } from 'socket.io-client-4.5.4';

const { URL: url, CLIENTS, SAY_EVERY, ONLY } = process.env;
const room = 'roomChatTest';

// The old page's options, and those of a page that wants WebSocket only. A fleet of Nest services cannot serve polling
// behind an entrance without sticky sessions.
const kinds = [
  { name: '4.5.4', io: io454, options: { transports: ['websocket', 'polling'], path: '/socket.io/' } },
  { name: '4.8.3', io: io483, options: { transports: ['websocket'] } },
].filter((kind) => !ONLY || kind.name === ONLY);

const say = (client, what, more = {}) =>
  process.stdout.write(`${JSON.stringify({ client, what, at: Date.now(), ...more })}\n`);

let quiet = false;

/** Connects a client and has it chat. */
function chatter(name, { io, options }) {
  const socket = io(url, { ...options, forceNew: true });
  let registered = false;
  let number = 0;
  socket.on('connect', () => socket.emit('registrar'));
  socket.on('registrado', (data) => {
    if (data?.room !== room) say(name, 'fault', { fault: `registered in ${JSON.stringify(data)}` });
    registered = true;
    say(name, 'registered', { id: socket.io.engine.id, recovered: !!socket.recovered });
  });
  socket.on('disconnect', (reason) => {
    registered = false;
    say(name, 'lost');
    // After these reasons the client keeps trying; after any other it would stay away.
    if (!leaving && !['transport close', 'transport error'].includes(reason)) {
      say(name, 'fault', { fault: `disconnected: ${reason}` });
    }
  });
  socket.on('messages', ({ nickname, message }) => say(name, 'receives', { from: nickname, number: Number(message) }));
  socket.on('exception', (data) => say(name, 'fault', { fault: JSON.stringify(data) }));
  const next = () => setTimeout(talk, SAY_EVERY * (0.5 + Math.random()));
  const talk = () => {
    if (quiet) return;
    // What is emitted while the client is away would be sent before it has registered again, and reach nobody.
    if (registered) {
      say(name, 'sends', { number: ++number });
      socket.emit('messages', { nickname: name, message: String(number) });
    }
    next();
  };
  next();
  return socket;
}

let leaving = false;
const sockets = Array.from({ length: Number(CLIENTS) }, (_, i) => {
  const kind = kinds[i % kinds.length];
  return chatter(`real-${kind.name}-${i}`, kind);
});

createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line === 'quiet') quiet = true;
  })
  .on('close', () => {
    leaving = true;
    for (const socket of sockets) socket.disconnect();
  });
