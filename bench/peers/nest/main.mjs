// The Nest service of test/js/nest with the benchmark's own events (see service.md). It can also do without Redis, in
// memory. Like that service it is plain JavaScript, with the decorators applied by hand.
//
// Its argument, if there is one, is the folder whose packages it uses: that of the peer nest12.
//
// Environment: HOST, PORT, REDIS_URL (without it: in memory), ORIGINS (that pages may come from, separated by commas;
// without it: any).

import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { pathToFileURL } from 'node:url';

// The packages are those of the tests, pinned by their lockfile, or those of the argument, by its own.
const folder = process.argv[2];
const require = createRequire(folder ? pathToFileURL(`${folder}/`) : new URL('../../../test/js/', import.meta.url));
require('reflect-metadata');
const { Logger, Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { IoAdapter } = require('@nestjs/platform-socket.io');
const { SubscribeMessage, WebSocketGateway, WebSocketServer } = require('@nestjs/websockets');
const { createAdapter } = require('@socket.io/redis-adapter');
const { createClient } = require('redis');

const host = hostname();
const room = 'roomChatTest';
const origin = process.env.ORIGINS ? process.env.ORIGINS.split(',') : '*';

class BenchGateway {
  logger = new Logger('BenchGateway');

  handleConnection(client) {
    this.logger.log(`[${host}] - Cliente conectado: ${client.id}`);
  }

  register(client) {
    client.join(room);
    this.logger.log(`[${host}] - Cliente ${client.id} registrado na room ${room}`);
    client.emit('registrado', { room });
  }

  message(client, data) {
    const { nickname, message } = data;
    this.logger.log(`[${host}] - Mensagem recebida no de ${client.id}: ${nickname} - ${message}`);
    const rooms = [...client.rooms];
    this.logger.debug(`[${host}] - Cliente ${client.id} está nas rooms: ${rooms.join(', ')}`);
    this.server.to(rooms.length > 0 ? rooms : [room]).emit('messages', { nickname, message, server: host });
  }

  // What a handler returns is the acknowledgement.
  async join(client, name) {
    await client.join(name);
    return true;
  }

  async leave(client, name) {
    await client.leave(name);
    return true;
  }

  say(client, { room, text }) {
    this.server.to(room).emit('said', { room, text });
  }

  echo(client, { text }) {
    return { text };
  }

  // Nest passes several arguments as one array.
  blob(client, [room, blob]) {
    this.server.to(room).emit('blob', blob);
  }
}
WebSocketServer()(BenchGateway.prototype, 'server');
const handlers = {
  registrar: 'register', messages: 'message', join: 'join', leave: 'leave', say: 'say', echo: 'echo', blob: 'blob',
};
for (const [event, method] of Object.entries(handlers)) {
  const descriptor = Object.getOwnPropertyDescriptor(BenchGateway.prototype, method);
  SubscribeMessage(event)(BenchGateway.prototype, method, descriptor);
}
WebSocketGateway({ cors: { origin } })(BenchGateway);

class AppModule {}
Module({ providers: [BenchGateway] })(AppModule);

class RedisIoAdapter extends IoAdapter {
  async connect(url) {
    const publisher = createClient({ url });
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.connect(), subscriber.connect()]);
    this.adapter = createAdapter(publisher, subscriber);
  }

  createIOServer(port, options) {
    const server = super.createIOServer(port, options);
    if (this.adapter) server.adapter(this.adapter);
    return server;
  }
}

const app = await NestFactory.create(AppModule);
app.enableCors({ origin, credentials: true });
const adapter = new RedisIoAdapter(app);
if (process.env.REDIS_URL) await adapter.connect(process.env.REDIS_URL);
app.useWebSocketAdapter(adapter);
await app.listen(Number(process.env.PORT), process.env.HOST);
