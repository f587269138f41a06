// The peer uws: the service of ../node on socket.io with uWebSockets.js. Environment: HOST, PORT, ORIGINS.

import { createRequire } from 'node:module';
import { Server } from 'socket.io';

import { options, serve } from '../node/service.mjs';

// Not by the package's own index: without a binary for this Node.js that falls back to plain JavaScript.
const { platform, arch, versions } = process;
const uws = createRequire(import.meta.url)(
  `@trufflesuite/uws-js-unofficial/binaries/uws_${platform}_${arch}_${versions.modules}.node`);

const app = uws.App();
const io = new Server(options());
serve(io);
// By default a message for a client for which 64 KB wait is left out, without a word. ws, Bun and ours keep more.
io.attachApp(app, { maxBackpressure: 16 << 20 });
app.any('/*', (response) => response.writeStatus('404 Not Found').end());
app.listen(process.env.HOST, Number(process.env.PORT), (listening) => {
  if (!listening) throw new Error(`uws: cannot listen on ${process.env.HOST}:${process.env.PORT}`);
});
