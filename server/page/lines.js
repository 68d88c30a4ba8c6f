// SPDX-License-Identifier: MIT
// Lines to copy, which say to other clients what the page does.
"use strict";

// As a shell takes it.
function shellQuoted(word) {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;
}

// How each client is told whom to trust: a file, or nobody, or as usual.
const TRUST = {
  authority: {wsecho: "--cacert ca.pem ", wscat: "--ca ca.pem ", curl: "--cacert ca.pem ",
    node: "NODE_EXTRA_CA_CERTS=ca.pem ", python: "ssl.create_default_context(cafile=\"ca.pem\")"},
  nobody: {wsecho: "--insecure ", wscat: "--no-check ", curl: "--insecure ",
    node: "NODE_TLS_REJECT_UNAUTHORIZED=0 ", python: "ssl._create_unverified_context()"},
  usual: {wsecho: "", wscat: "", curl: "", node: "", python: null},
};

// For each client: its name, a note, and the lines.
function clientLines(url, message, trust) {
  const how = TRUST[trust];
  const shell = shellQuoted(url), said = JSON.stringify(message);
  const page = shellQuoted(url.replace(/^ws/, "http"));
  const python = how.python ? `, ssl=${how.python}` : "";
  return [
    {name: "wsecho", note: "Prints the reply.",
      lines: `wsecho ${how.wsecho}${shell} ${shellQuoted(message)}`},
    {name: "wscat", note: "npm install -g wscat",
      lines: `wscat ${how.wscat}-c ${shell} -x ${shellQuoted(message)}`},
    {name: "Python", note: "The module websockets, on Debian python3-websockets.",
      lines: `import asyncio, ssl, websockets

async def main():
    async with websockets.connect(${JSON.stringify(url)}${python}) as ws:
        await ws.send(${said})
        print(await ws.recv())

asyncio.run(main())`},
    {name: "curl", note: "Shows the handshake, for two seconds; any version does.",
      lines: `curl ${how.curl}--http1.1 --include --no-buffer --max-time 2 \\
  -H "Connection: Upgrade" -H "Upgrade: websocket" \\
  -H "Sec-WebSocket-Version: 13" -H "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" \\
  ${page}`},
    {name: "JavaScript", note: `In a browser's console, or node 22${how.node ? `: ${how.node}node` : ""}`,
      lines: `const ws = new WebSocket(${JSON.stringify(url)});
ws.onopen = () => ws.send(${said});
ws.onmessage = (event) => console.log(event.data);
ws.onclose = (event) => console.log(event.code, event.reason);`},
  ];
}
