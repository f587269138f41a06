// The peer bun: the service of ../node on socket.io with @socket.io/bun-engine. Run by Bun. Environment: HOST, PORT,
// ORIGINS.

import { Server as Engine } from '@socket.io/bun-engine';
import { Server } from 'socket.io';

import { options, serve } from '../node/service.mjs';

const engine = new Engine({ path: '/socket.io/', ...options() });
const io = new Server();
io.bind(engine);
serve(io);
Bun.serve({ hostname: process.env.HOST, port: Number(process.env.PORT), ...engine.handler() });
