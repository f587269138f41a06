// A chat in NestJS behind the gateway: what was a WebSocketGateway is a controller, and the sockets are the gateway's.
//
//   npm install && npm run build
//   BACKEND_SECRET=a-secret-of-16-bytes-or-more npm start &
//   SERVICE=backend BACKEND_URL=http://localhost:4000/events BACKEND_SECRET=a-secret-of-16-bytes-or-more gateway
//
// docs/BACKEND.md says what the gateway asks and what may be answered. signature.ts checks who asks.

import 'reflect-metadata';
import { hostname } from 'node:os';
import { Body, Controller, Headers, HttpCode, Module, Post, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FromGateway } from './signature.js';

const server = hostname();
const room = 'roomChatTest';

/** What the chat needs of the body of an event. */
interface Event {
  args: any[];
  binary?: string[];
  data: { registered?: boolean };
}

@Controller('events')
@UseGuards(FromGateway)
export class ChatController {
  @Post()
  @HttpCode(200)
  handle(@Headers('ce-event') event: string, @Headers('ce-socketid') id: string, @Headers('content-type') type: string,
         @Body() body: Buffer) {
    // One binary argument comes as it is, without the socket's data.
    const e: Event = type === 'application/json' ? JSON.parse(body.toString()) : { args: [body], data: {} };
    if (event === 'registrar') return this.register();
    if (event === 'messages') return this.message(id, e);
  }

  register() {
    return { join: [room], data: { registered: true }, emit: [{ event: 'registrado', args: [{ room }] }] };
  }

  message(id: string, { args, binary, data: { registered } }: Event) {
    const data = args.length > 1 ? args : args[0];
    if (data === null || data === undefined) {
      const cause = { pattern: 'messages', data };
      return { emit: [{ event: 'exception', args: [{ status: 'error', message: 'Internal server error', cause }] }] };
    }
    const { nickname, message } = data;
    const passed = binary?.filter((at) => /^\/0\/(nickname|message)(\/|$)/.test(at));
    const to = registered ? [id, room] : [id];
    return { emit: [{ event: 'messages', args: [{ nickname, message, server }], binary: passed, to }] };
  }
}

@Module({ controllers: [ChatController] })
class AppModule {}

const app = await NestFactory.create<NestExpressApplication>(AppModule, { bodyParser: false });
app.useBodyParser('raw', { type: () => true, limit: '4mb' }); // as it came: it is signed
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? 4000), process.env.HOST ?? 'localhost');
