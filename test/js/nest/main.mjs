// The NestJS 11 chat service that the gateway replaces, written anew for the tests: same events, same room, same
// Redis adapter, same defaults. It is plain JavaScript with the decorators applied by hand, so that nothing has to be
// compiled.
//
// Environment: PORT (3000), HOST (0.0.0.0), REDIS_URL (redis://localhost:6379), and, for tests that cannot wait 45
// seconds, PING_INTERVAL, PING_TIMEOUT, UPGRADE_TIMEOUT and CONNECT_TIMEOUT in milliseconds.

import 'reflect-metadata';
import { Controller, Get, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { createAdapter } from '@socket.io/redis-adapter';
import { hostname } from 'node:os';
import { createClient } from 'redis';

const host = hostname();
const room = 'roomChatTest';

/** Applies a method decorator to an existing method. */
function decorateMethod(decorator, type, name) {
  decorator(type.prototype, name, Object.getOwnPropertyDescriptor(type.prototype, name));
}

class AppController {
  hello() {
    return 'Hello World!';
  }
}
decorateMethod(Get(), AppController, 'hello');
Controller()(AppController);

class ChatGateway {
  logger = new Logger('ChatGateway');

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
}
WebSocketServer()(ChatGateway.prototype, 'server');
decorateMethod(SubscribeMessage('registrar'), ChatGateway, 'register');
decorateMethod(SubscribeMessage('messages'), ChatGateway, 'message');
WebSocketGateway({ cors: { origin: '*' } })(ChatGateway);

class AppModule {}
Module({ controllers: [AppController], providers: [ChatGateway] })(AppModule);

/** The Socket.IO options that the environment overrides. All others keep Node.js's defaults. */
function timings(env) {
  const options = {};
  for (const [variable, option] of [
    ['PING_INTERVAL', 'pingInterval'],
    ['PING_TIMEOUT', 'pingTimeout'],
    ['UPGRADE_TIMEOUT', 'upgradeTimeout'],
    ['CONNECT_TIMEOUT', 'connectTimeout'],
  ]) {
    if (env[variable]) options[option] = Number(env[variable]);
  }
  return options;
}

class RedisIoAdapter extends IoAdapter {
  logger = new Logger('RedisIoAdapter');

  async connect(url) {
    this.logger.log(`[${host}] - Conectando ao Redis: ${url}`);
    const publisher = createClient({ url });
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.connect(), subscriber.connect()]);
    this.adapter = createAdapter(publisher, subscriber);
  }

  createIOServer(port, options) {
    const server = super.createIOServer(port, { ...options, ...timings(process.env) });
    server.adapter(this.adapter);
    server.on('connection', (socket) => this.logger.debug(`[${host}] - Nova conexão detectada: ${socket.id}`));
    return server;
  }
}

const app = await NestFactory.create(AppModule);
app.enableCors({ origin: '*', credentials: true });
const adapter = new RedisIoAdapter(app);
await adapter.connect(process.env.REDIS_URL ?? 'redis://localhost:6379');
app.useWebSocketAdapter(adapter);
const port = Number(process.env.PORT ?? 3000);
const address = process.env.HOST ?? '0.0.0.0';
await app.listen(port, address);
console.log(`🚀 Aplicação rodando em http://${address}:${port}`);
