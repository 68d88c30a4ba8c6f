// SPDX-License-Identifier: MIT
//
// A client on npm's ws that echoes until the connection is closed.
//
// Usage: node client_ws.js URL
'use strict';

const WebSocket = require('ws');

const socket = new WebSocket(process.argv[2], { perMessageDeflate: { threshold: 0 } });

socket.on('error', (error) => console.error(error.message));
socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
