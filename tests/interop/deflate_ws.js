// SPDX-License-Identifier: MIT
//
// An echo server on npm's ws that compresses, and tells for each connection what was agreed on.
//
// Usage: node deflate_ws.js OPTIONS, those of perMessageDeflate in JSON
'use strict';

const { WebSocketServer } = require('ws');

const perMessageDeflate = JSON.parse(process.argv[2]);
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate });

server.on('connection', (socket) => {
  console.error(`agreed on: ${socket.extensions}; ${JSON.stringify(
    socket._extensions['permessage-deflate']?.params ?? null)}`);
  socket.on('error', (error) => console.error(error.message));
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});
server.on('listening', () =>
  console.error(`listening on ws://127.0.0.1:${server.address().port}`));
