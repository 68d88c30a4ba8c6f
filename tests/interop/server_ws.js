// SPDX-License-Identifier: MIT
//
// A server on npm's ws. What it does with a connection is what the path says.
//
// Usage: CERT=FILE KEY=FILE node server_ws.js; it says where it listens on standard error.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const fs = require('node:fs');
const https = require('node:https');
const { WebSocketServer } = require('ws');

const refusals = { '/401': 401, '/403': 403, '/404': 404, '/503': 503 };
const fields = {
  '/extension': 'Sec-WebSocket-Extensions: permessage-deflate',
  '/protocol': 'Sec-WebSocket-Protocol: chat',
};

// What is done once per message.
const acts = {
  '/close': (socket) => socket.close(4321, 'schön'),
  '/drop': (socket) => socket.terminate(),
  '/header': (socket, request) => socket.send(request.headers['x-interop']),
  '/subprotocol': (socket) => socket.send(socket.protocol),
  async '/ping'(socket) {
    for (const payload of [Buffer.from('ping-1'), Buffer.alloc(0), Buffer.alloc(125, 0xff)]) {
      const pong = once(socket, 'pong');
      socket.ping(payload);
      assert.deepStrictEqual((await pong)[0], payload);
    }
    socket.pong('nobody asked');
    socket.send('ponged');
  },
  '/fragments'(socket, request, data, binary) {
    socket.send(data.subarray(0, 2), { binary, fin: false });
    socket.send('', { fin: false });
    socket.send(data.subarray(2), { fin: true });
  },
};

const server = https.createServer({
  cert: fs.readFileSync(process.env.CERT),
  key: fs.readFileSync(process.env.KEY),
});
const sockets = new WebSocketServer({
  server,
  maxPayload: 1 << 21,
  perMessageDeflate: true,
  verifyClient({ req }, done) {
    const to = /^\/to(\/.*)/.exec(req.url)?.[1];
    if (to) done(false, 302, 'Found', { Location: to });
    else done(!(req.url in refusals), refusals[req.url]);
  },
});
sockets.on('headers', (headers, { url }) => url in fields && headers.push(fields[url]));
sockets.on('connection', (socket, request) => {
  const echo = (to, _, data, binary) => to.send(data, { binary });
  const field = /^\/field\/(.*)/.exec(request.url)?.[1].toLowerCase();
  const act = field ? () => socket.send(request.headers[field]) : acts[request.url] ?? echo;
  socket.on('error', () => {});
  socket.on('message', (data, binary) => act(socket, request, data, binary));
  socket.on('close', (code) => console.error(`${request.url} closed with ${code}`));
});
server.listen(0, '127.0.0.1', () => {
  console.error(`listening on wss://127.0.0.1:${server.address().port}`);
});
