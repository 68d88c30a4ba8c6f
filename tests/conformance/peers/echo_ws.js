// SPDX-License-Identifier: MIT
//
// An echo server on npm's ws, with permessage-deflate, as its README has it.
//
// Usage: node echo_ws.js PORT (port 0: any that is free); it says where on standard error
'use strict';

const { WebSocketServer } = require('ws');

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  perMessageDeflate: { threshold: 0 },
});

server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on('listening', () => {
  console.error(`listening on ws://127.0.0.1:${server.address().port}`);
});
