// SPDX-License-Identifier: MIT
// Usage: node ws_client.js SCENARIO URL: the npm package ws as a client, verifying with $CA.
// Of the scenario deflate: the options of permessage-deflate in JSON, and what is agreed on.
'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const fs = require('node:fs');
const WebSocket = require('ws');

const [scenario, url, more, wanted] = process.argv.slice(2);
const ca = fs.readFileSync(process.env.CA);

async function connect(options) {
  const ws = new WebSocket(url, { ca, ...options });
  ws.arrived = [];
  ws.on('message', (data, binary) => ws.arrived.push({ data, binary }));
  ws.on('upgrade', ({ headers }) => (ws.answer = headers));
  await once(ws, 'open');
  return ws;
}

// The next message.
async function receive(ws) {
  while (ws.arrived.length === 0) await once(ws, 'message');
  return ws.arrived.shift();
}

async function expectEcho(ws, data) {
  ws.send(data);
  const reply = await receive(ws);
  assert.strictEqual(reply.binary, typeof data !== 'string');
  assert.ok(reply.data.equals(Buffer.from(data)), 'the reply is not what was sent');
}

// Closes, and expects the same code back, in a clean end.
async function close(ws, code = 1000) {
  ws.close(code, 'done');
  const [got] = await once(ws, 'close');
  assert.strictEqual(got, code);
}

async function expectClosed(ws, code) {
  const [got] = await once(ws, 'close');
  assert.strictEqual(got, code);
}

const scenarios = {
  async text() {
    const ws = await connect();
    for (const text of ['Hello World!', '', 'äöü€😀', '\0']) await expectEcho(ws, text);
    await close(ws);
  },
  async binary() {
    const ws = await connect();
    for (const length of [0, 1, 125, 126, 65535, 65536])
      await expectEcho(ws, Buffer.alloc(length, 'x\xff'));
    await close(ws);
  },
  async large() {
    const ws = await connect();
    await expectEcho(ws, Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => i * 7)));
    await expectEcho(ws, '€'.repeat(1 << 20));
    await expectEcho(ws, Buffer.alloc(10_000_000, 'large'));
    await close(ws);
  },
  async fragments() {
    const ws = await connect();
    ws.send('in ', { fin: false });
    ws.ping('between');
    ws.send('three ', { fin: false });
    ws.send('pieces', { fin: true });
    const [[pong], reply] = await Promise.all([once(ws, 'pong'), receive(ws)]);
    assert.strictEqual(pong.toString(), 'between');
    assert.strictEqual(reply.data.toString(), 'in three pieces');
    await close(ws);
  },
  async ping() {
    const ws = await connect();
    for (const payload of ['', 'a payload', 'x'.repeat(125), Buffer.from([0xff, 0, 0x80])]) {
      ws.ping(payload);
      const [data] = await once(ws, 'pong');
      assert.ok(data.equals(Buffer.from(payload)));
    }
    await close(ws);
  },
  async hundred() {
    const ws = await connect();
    for (let i = 0; i < 100; i++) ws.send(`message ${i}`);
    for (let i = 0; i < 100; i++)
      assert.strictEqual((await receive(ws)).data.toString(), `message ${i}`);
    await close(ws);
  },
  async many() {
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect()));
    await Promise.all(clients.map((ws, i) => expectEcho(ws, `client ${i}`)));
    await Promise.all(clients.map((ws) => close(ws)));
  },
  async codes() {
    for (const code of [1000, 1001, 1003, 1008, 1011, 1014, 3000, 4999])
      await close(await connect(), code);
    const ws = await connect();
    ws.close();
    await expectClosed(ws, 1005);
  },
  async deflate() {
    const ws = await connect({ perMessageDeflate: JSON.parse(more) });
    assert.match(ws.answer['sec-websocket-extensions'] ?? '', new RegExp(wanted));
    for (const text of ['compressed '.repeat(1000), '', 'x', 'compressed '.repeat(1000)])
      await expectEcho(ws, text);
    await expectEcho(ws, Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => (i * i) >> 7)));
    await close(ws);
  },
  async tooLarge() {
    const ws = await connect();
    ws.on('error', () => {});
    ws.send(Buffer.alloc((16 << 20) + 1));
    await expectClosed(ws, 1009);
  },
  async invalid() {
    const ws = await connect();
    ws.send(Buffer.from([0xff]), { binary: false });
    await expectClosed(ws, 1007);
  },
  async stopped() {
    const ws = await connect();
    await expectEcho(ws, 'before');
    console.log('open');
    await expectClosed(ws, 1001);
  },
  async terminated() {
    const ws = await connect();
    ws.send('never read');
    ws.terminate();
    await expectClosed(ws, 1006);
  },
  async unverified() {
    const ws = new WebSocket(url);
    const [error] = await once(ws, 'error');
    assert.match(error.code, /CERT/);
  },
};

scenarios[scenario]().catch((error) => {
  console.error(error);
  process.exit(1);
});
