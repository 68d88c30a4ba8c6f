// SPDX-License-Identifier: MIT
//
// An echo server on npm's ws, for comparison.
//
// Usage: node peer_ws.js PORT CERTIFICATE KEY (port 0: any that is free)
'use strict'

const fs = require('fs')
const https = require('https')
const { WebSocketServer } = require('ws')

const [port, cert, key] = process.argv.slice(2)
const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) })
const sockets = new WebSocketServer({ server, perMessageDeflate: false })

sockets.on('connection', (socket) => {
  socket.on('error', () => {})
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
server.listen(Number(port), '127.0.0.1', 16384, () => {
  console.error(`listening on wss://127.0.0.1:${server.address().port}`)
})
