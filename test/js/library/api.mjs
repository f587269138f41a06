// What Node.js's server has beside what most programs use: hooks, events of the connection, listeners that come and go.
// It does the same as test/fixture/api in Go, so that one set of tests runs against both. Environment: HOST, PORT.

import { createServer } from 'node:http';
import { Server } from 'socket.io';

const errors = []; // what connection_error has told
const conns = []; // what each connection has told, the newest last

const http = createServer((request, response) => {
  const answers = { '/errors': errors.splice(0), '/conns': conns };
  response.end(JSON.stringify(answers[request.url] ?? 'fixture'));
});

const io = new Server(http, {
  pingInterval: 300,
  cookie: { name: 'io', httpOnly: true },
  perMessageDeflate: { threshold: 100 },
  cors: { origin: [/^https:\/\/([a-z]+\.)?chat\.example$/, 'https://named.example'], credentials: true },
  allowRequest: (request, callback) => {
    const forbidden = 'x-forbid' in request.headers;
    setTimeout(() => callback(forbidden ? 'no way' : null, !forbidden), 5);
  },
});

io.engine.generateId = (request) => {
  const id = request._query.id ?? Math.random().toString(36).slice(2).padEnd(12, 'x');
  if (id === 'bad') throw new Error('no more ids');
  return id;
};
io.engine.on('initial_headers', (headers) => (headers['X-First'] = '1'));
io.engine.on('headers', (headers, request) => (headers['X-Every'] = request._query.transport));
io.engine.on('connection_error', ({ code, context }) => {
  delete context.error;
  errors.push({ code, context });
});
io.engine.on('connection', (conn) => {
  const told = [];
  conns.push(told);
  conn.on('upgrading', (transport) => told.push(['upgrading', transport.name]));
  conn.on('upgrade', (transport) => told.push(['upgrade', transport.name]));
  conn.on('packet', ({ type, data }) => told.push(['packet', type, data ? String(data) : '']));
  conn.on('packetCreate', ({ type, data }) => told.push(['packetCreate', type, data ? String(data) : '']));
  conn.on('drain', () => told.push(['drain']));
  conn.on('heartbeat', () => told.push(['heartbeat']));
  conn.on('close', (reason) => told.push(['close', reason]));
});

io.on('connection', (socket) => {
  const ran = [];
  const note = (name) => (...args) => ran.push(typeof args[0] === 'string' ? `${name}:${args[0]}` : name);

  socket.on('echo', (...args) => args.pop()(...args));
  socket.on('ran', (ack) => ack(ran.splice(0)));
  socket.on('send', () => socket.send('hello', 1));
  socket.on('join', (room, ack) => {
    socket.join(room);
    ack();
  });
  socket.on('ids', async (room, ack) => ack([...(await io.in(room).allSockets())].sort()));

  // Listeners that come and go.
  socket.on('listen', (ack) => {
    socket.once('say', note('once'));
    socket.on('say', note('on'));
    const off = note('off');
    socket.on('say', off);
    socket.on('say', note('last'));
    socket.off('say', off);
    socket.onAny(note('any'));
    socket.prependAny(note('first'));
    ack();
  });
  socket.on('which', (ack) =>
    ack(socket.eventNames().sort(), socket.listeners('say').length, socket.listenersAny().length,
      socket.listenersAnyOutgoing().length));
  socket.on('unlisten', (ack) => {
    socket.removeAllListeners('say');
    socket.offAny();
    socket.offAnyOutgoing();
    ack();
  });

  // What is sent.
  socket.on('overhear', (ack) => {
    socket.onAnyOutgoing(note('second'));
    socket.prependAnyOutgoing(note('first'));
    ack();
  });
  socket.on('emit', async (ack) => {
    socket.join('room');
    socket.emit('one', 1);
    io.emit('all');
    io.to('room').emit('room', 'x');
    io.to('elsewhere').emit('elsewhere');
    socket.broadcast.emit('others');
    socket.volatile.emit('volatile');
    await socket.emitWithAck('question');
    await io.to('room').timeout(5000).emitWithAck('survey');
    ack();
  });
});

http.listen(Number(process.env.PORT), process.env.HOST);
