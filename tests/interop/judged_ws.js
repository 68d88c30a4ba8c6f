// SPDX-License-Identifier: MIT
// Connects to the URL with npm's ws, prints "open" or "refused", and stays until the connection ends.
const WebSocket = require("ws");
const ws = new WebSocket(process.argv[2], { handshakeTimeout: 20000 });
let open = false;
ws.on("open", () => { open = true; console.log("open"); if (process.argv[3] === "leave") ws.terminate(); });
ws.on("message", () => {});
ws.on("error", () => { if (!open) { console.log("refused"); process.exit(); } });
