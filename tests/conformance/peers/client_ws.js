// SPDX-License-Identifier: MIT
//
// A client on npm's ws that echoes until the connection is closed, for each URL in turn.
//
// Usage: node client_ws.js URL...
'use strict';

const WebSocket = require('ws');

function echo([url, ...more]) {
  if (!url) return;
  const socket = new WebSocket(url, { perMessageDeflate: { threshold: 0 } });
  socket.on('error', (error) => console.error(error.message));
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('close', () => echo(more));
}

echo(process.argv.slice(2));
