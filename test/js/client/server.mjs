// Node.js' servers for the tests of the Go clients: engine.io at /engine.io/ and socket.io at /socket.io/. The tests have
// the same servers in Go. Environment: HOST, PORT, RECOVERY, which turns connection state recovery on, and
// PARSER=msgpack.

import { createServer } from 'node:http';
import { attach } from 'engine.io';
import { Server } from 'socket.io';
import msgpack from 'socket.io-msgpack-parser';

const http = createServer((request, response) => response.end('fixture'));

// It answers each message with itself, but for some.
const engine = attach(http, {
  pingInterval: 300, maxHttpBufferSize: 100, perMessageDeflate: { threshold: 0 }, destroyUpgrade: false,
  allowRequest: (request, callback) => {
    const query = new URL(request.url, 'http://x').searchParams;
    if (query.has('deny')) return callback(null, false);
    callback(null, true);
  },
});
engine.on('initial_headers', (headers) => {
  headers['set-cookie'] = ['a=1; Max-Age=86400', 'b=2; Path=/; HttpOnly', 'gone=3; Max-Age=0'];
});
engine.on('connection', (socket) => {
  socket.send('hi');
  socket.on('message', (data) => {
    switch (String(data)) {
      case 'give binary': return socket.send(Buffer.from([0, 1, 2, 3, 4]));
      case 'give utf8': return socket.send('пойду спать всем спокойной ночи');
      case 'give headers': return socket.send(JSON.stringify(socket.request.headers));
      case 'give cookies': return socket.send(socket.transport.dataReq?.headers.cookie ?? '');
      case 'give query': return socket.send(socket.request.url);
      case 'give posts': return socket.send(String(posts.get(socket.id) ?? 0));
      case 'close': return socket.close();
      default: return socket.send(data);
    }
  });
});
const posts = new Map(); // by session
http.on('request', (request) => {
  const sid = new URL(request.url, 'http://x').searchParams.get('sid');
  if (request.method === 'POST') posts.set(sid, (posts.get(sid) ?? 0) + 1);
});

const io = new Server(http, {
  pingInterval: 1000, destroyUpgrade: false,
  ...(process.env.RECOVERY && { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } }),
  perMessageDeflate: { threshold: 1024 },
  ...(process.env.PARSER === 'msgpack' && { parser: msgpack }),
});
io.use((socket, next) => next(socket.handshake.query.fail ? new Error('main says no') : undefined));
io.of('/no').use((socket, next) => {
  const error = new Error('no says no');
  error.data = { code: 4001 };
  next(error);
});
for (const name of ['/foo', '/bar', '/no']) io.of(name).on('connection', serve);
io.on('connection', serve);

let retried = 0;

function serve(socket) {
  socket.on('echo', (...args) => args.pop()(...args));
  socket.on('bounce', (...args) => socket.emit('bounced', ...args));
  socket.on('id', (ack) => ack(socket.id));
  socket.on('handshake', (ack) => ack({ auth: socket.handshake.auth, query: socket.handshake.query, agent: socket.handshake.headers['x-agent'] ?? null }));
  socket.on('ask', (...args) => socket.emit('question', ...args, (...answer) => socket.emit('answered', ...answer)));
  socket.on('silence', () => {});
  socket.on('count', (n) => { for (let i = 0; i < n; i++) socket.emit('n', i); });
  socket.on('leave me', (close) => socket.disconnect(close));
  socket.on('cut', () => socket.conn.transport.name === 'websocket' ? socket.conn.transport.socket._socket.destroy() : socket.conn.close(true));
  socket.on('third', (text, ack) => { if (++retried % 3 === 0) ack(text, retried); });
  socket.on('join', (room, ack) => { socket.join(room); ack(); });
  socket.on('tell', (room, text) => socket.nsp.to(room).emit('told', text));
}

http.listen(Number(process.env.PORT), process.env.HOST);
