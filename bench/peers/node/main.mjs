// The peer node-ws: service.mjs with socket.io's default engine, ws. Environment: HOST, PORT, ORIGINS, RECOVERY
// (sessions can be recovered).

import { createServer } from 'node:http';
import { createRequire } from 'node:module';

import { options, serve } from './service.mjs';

// The packages are those of the tests, pinned by their lockfile.
const require = createRequire(new URL('../../../test/js/', import.meta.url));
const { Server } = require('socket.io');

const http = createServer((request, response) => response.writeHead(404).end());
const recovery = process.env.RECOVERY ? { connectionStateRecovery: {} } : {};
serve(new Server(http, { ...options(), ...recovery }));
http.listen(Number(process.env.PORT), process.env.HOST);
