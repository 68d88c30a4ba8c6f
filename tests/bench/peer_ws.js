// SPDX-License-Identifier: MIT
//
// An echo server on npm's ws, for comparison.
//
// Usage: node peer_ws.js PORT CERTIFICATE KEY [deflate] (port 0: any that is free)
// deflate: it compresses, each message by itself.
'use strict'

const fs = require('fs')
const https = require('https')
const { WebSocketServer } = require('ws')

const [port, cert, key, deflate] = process.argv.slice(2)
const perMessageDeflate = deflate === 'deflate' &&
  { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 }
const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) })
const sockets = new WebSocketServer({ server, perMessageDeflate })

sockets.on('connection', (socket) => {
  socket.on('error', () => {})
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
server.listen(Number(port), '127.0.0.1', 16384, () => {
  console.error(`listening on wss://127.0.0.1:${server.address().port}`)
})
