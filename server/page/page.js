// SPDX-License-Identifier: MIT
// The page: what its parts do for each other.
"use strict";

const LOG_MAX = 500; // entries
const TRIPS_MAX = 5000; // round trips that the plot's percentiles are of
const RUN = 1000; // echoes

const $ = (id) => document.getElementById(id);

// Where the server's root is, for WebSockets: "wss://localhost:7681/".
const root = new URL(".", document.baseURI).href.replace(/^http/, "ws");

let server = {test: "off", secure: false, self_signed: false, authority: false};
let builder = null;
let trips = [];

const plot = new Plot($("plot"), "Send something, or tick “ten a second”.");
const histogram = new Histogram($("histogram"), "Run 1,000 echoes to see how they spread.");
const wire = new Wire({tell: showEntry, timed: addTrip, changed: showState});

// The log.

function clock(at) {
  return at.toTimeString().slice(0, 8) + (at.getMilliseconds() / 1000).toFixed(3).slice(1);
}

// The first bytes as they are, and as characters.
function hexText(entry) {
  const width = window.matchMedia("(max-width: 36rem)").matches ? 8 : 16;
  const lines = [];
  for (let i = 0; i < entry.sample.length; i += width) {
    const part = [...entry.sample.subarray(i, i + width)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const plain = part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${i.toString(16).padStart(4, "0")}  ${hex.padEnd(width * 3)} ${plain}`);
  }
  if (entry.size > entry.sample.length)
    lines.push(`and ${grouped(entry.size - entry.sample.length)} bytes more`);
  return lines.join("\n") || "no bytes";
}

function preview(entry) {
  if (entry.name) return entry.name;
  if (entry.type === "text") return new TextDecoder().decode(entry.sample.subarray(0, 300));
  return [...entry.sample.subarray(0, 24)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function eventView(entry) {
  const kind = entry.good ? "event good" : entry.bad ? "event bad" : "event";
  return make("li", {}, make("div", {class: kind}, make("span", {class: "way", "aria-hidden": "true"}, "•"),
    make("span", {class: "when"}, clock(entry.at)), make("span", {}, entry.text)));
}

function messageView(entry) {
  const sent = entry.direction === "sent";
  const trip = entry.echo ? make("span", {class: "trip", title: "the same as was sent; round trip"},
    `= ${milliseconds(entry.echo.roundTrip)}`) : null;
  const summary = make("summary", {class: entry.direction},
    make("span", {class: "way", role: "img", "aria-label": entry.direction}, sent ? "↑" : "↓"),
    make("span", {class: "when"}, clock(entry.at)), make("span", {class: "kind"}, entry.type),
    make("span", {class: "much"}, bytes(entry.size)), make("span", {class: "what"}, preview(entry)), trip);
  const view = make("details", {}, summary);
  view.addEventListener("toggle", () => {
    if (view.open && !view.querySelector("pre")) view.append(make("pre", {class: "hex", tabindex: 0}, hexText(entry)));
  });
  return make("li", {}, view);
}

let entries = [];

// With the next picture on the screen, so that showing one message does not hold up the next.
function showEntry(entry) {
  if (entry.refused) explain(entry.refused);
  entries.push(entry);
  if (entries.length === 1) requestAnimationFrame(showEntries);
  if (entries.length > LOG_MAX) entries.splice(1, 1);
}

function showEntries() {
  const log = $("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(...entries.map((entry) => (entry.direction === "event" ? eventView : messageView)(entry)));
  entries = [];
  while (log.children.length > LOG_MAX) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

// A browser does not tell why a handshake failed. This server says it to a plain request, too.
async function explain(url) {
  const failed = (why) => {
    $("state").dataset.state = "failed";
    $("state").textContent = why;
  };
  failed(`No connection to ${url}.`);
  if (!url.startsWith(root)) return;
  try {
    const answer = await fetch(url.replace(/^ws/, "http"), {cache: "no-store"});
    const words = (await answer.text()).trim();
    if (answer.status >= 400 && answer.status !== 426) {
      wire.event(words, {bad: true});
      failed(`No connection: ${words}`);
    }
  } catch {
    failed("No connection: the server does not answer.");
  }
}

// Connecting.

function showState() {
  const state = wire.state, open = state === "open", url = $("url").value.trim();
  const words = {closed: "Not connected.", connecting: `Connecting to ${wire.url}`,
    open: `Connected to ${wire.url}`, closing: "Closing: waiting for the server’s Close."};
  $("state").dataset.state = state;
  $("state").textContent = words[state];
  $("connect").textContent = state === "closed" || state === "closing" ? "Connect"
    : url !== wire.url ? "Reconnect" : open ? "Disconnect" : "Cancel";
  refreshStatus();
  for (const id of ["send-text", "file", "run", "close-button"]) $(id).disabled = !open;
  $("run").disabled = !open || running;
}

function connect() {
  const protocols = $("protocols").value.split(/[\s,]+/).filter((name) => name);
  try {
    wire.open($("url").value.trim(), protocols);
  } catch (error) {
    $("state").dataset.state = "failed";
    $("state").textContent = error.message.replace(/^.*'WebSocket': /, "");
  }
}

$("address").addEventListener("submit", (event) => {
  const busy = wire.state === "open" || wire.state === "connecting";
  event.preventDefault();
  if (busy && $("url").value.trim() === wire.url) wire.close(1000, "");
  else connect();
});

$("close").addEventListener("submit", (event) => {
  event.preventDefault();
  try {
    wire.close(Number($("code").value), $("reason").value);
  } catch (error) {
    wire.event(error.message.replace(/^.*'WebSocket': /, ""), {bad: true});
  }
  showState();
});

// Sending.

$("send").addEventListener("submit", (event) => {
  event.preventDefault();
  if (wire.state === "open") wire.send($("text").value);
});

$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("send").requestSubmit();
});

$("file").addEventListener("change", async () => {
  const file = $("file").files[0];
  $("file").value = "";
  if (!file) return;
  if (file.size > server.max_message)
    wire.event(`${file.name} is longer than the ${bytes(server.max_message)} that this server takes`, {bad: true});
  const data = new Uint8Array(await file.arrayBuffer());
  if (wire.state === "open") wire.send(data).name = file.name;
});

$("clear-log").addEventListener("click", () => $("log").replaceChildren());

// Round trips.

function figures(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return ["p50", "p99"].map((name) =>
    `${name} ${milliseconds(percentile(sorted, Number(name.slice(1)) / 100))}`).join(", ");
}

function addTrip(time) {
  trips.push(time);
  if (trips.length > TRIPS_MAX) trips.splice(0, trips.length - TRIPS_MAX);
  plot.set(trips);
  showFigures();
}

// Not for each of a thousand.
let figuresAsked = 0;
function showFigures() {
  if (figuresAsked) return;
  figuresAsked = requestAnimationFrame(() => {
    figuresAsked = 0;
    const shown = plot.shown;
    $("plot-figures").textContent = shown.length === 0 ? "" : `the last ${grouped(shown.length)}: ${figures(shown)}`;
  });
}

// "echo 17 ......": each is another one.
let payloads = 0;
function payload() {
  const size = Math.min(1 << 20, Math.max(1, Number($("size").value) || 32));
  return `echo ${++payloads} `.padEnd(size, ".").slice(-size);
}

setInterval(() => {
  if ($("keep").checked && wire.state === "open" && !running && wire.waiting.length < 10)
    wire.send(payload(), true);
}, 100);

$("keep").addEventListener("change", () => {
  if ($("keep").checked && wire.state === "closed") connect();
});

let running = false;

async function run() {
  const times = [], started = performance.now();
  $("progress").hidden = false;
  $("run-result").textContent = "";
  try {
    for (let i = 0; i < RUN; i++) {
      times.push(await wire.echo(payload()));
      $("progress").value = i + 1;
    }
    const seconds = (performance.now() - started) / 1000;
    $("run-result").textContent = `${grouped(RUN)} in ${seconds.toFixed(2)} s, one after the other`;
  } catch (error) {
    $("run-result").textContent = `Stopped after ${grouped(times.length)}: ${error.message}.`;
  }
  $("progress").hidden = true;
  histogram.set(times);
  $("histogram-figures").textContent = times.length === 0 ? "" : `${grouped(times.length)}: ${figures(times)}`;
}

$("measure").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (running || wire.state !== "open") return;
  running = true;
  showState();
  await run();
  running = false;
  showState();
});

// Behaviours.

function chosenForm() {
  return document.querySelector("[name=form]:checked").value;
}

function buildUrl() {
  $("url").value = builder.url($("url").value.trim(), root, chosenForm() === "chain");
  urlChanged();
}

function urlChanged() {
  showState();
  showLines();
}

$("url").addEventListener("input", () => {
  if (builder) builder.read($("url").value.trim(), root);
  urlChanged();
});
$("build").addEventListener("submit", (event) => event.preventDefault());
$("build").addEventListener("change", (event) => {
  if (event.target.name === "form") buildUrl();
});
$("search").addEventListener("input", () => builder && builder.search($("search").value.trim()));
$("clear-picked").addEventListener("click", () => builder && builder.clear());

async function loadTable() {
  const answer = await fetch("-/", {headers: {Accept: "application/json"}});
  if (!answer.headers.get("Content-Type").startsWith("application/json")) {
    document.querySelector(".behaviours .intro").hidden = true;
    $("rows").replaceChildren(make("p", {class: "note"}, "This server was started with --test off: every path echoes."));
    return;
  }
  builder = new Builder(await answer.json(), $("rows"), server.test, buildUrl);
  builder.read($("url").value.trim(), root);
}

// Lines to copy.

function showLines() {
  const url = $("url").value.trim(), own = url.startsWith(root);
  const trust = own && url.startsWith("wss:") && server.authority ? "authority"
    : own && url.startsWith("wss:") && server.self_signed ? "nobody" : "usual";
  const message = $("text").value || "Hello World!";
  const clients = clientLines(url, message, trust);
  const chosen = document.querySelector("[name=client]:checked")?.value ?? clients[0].name;
  const client = clients.find(({name}) => name === chosen);
  if (!$("clients").querySelector("input"))
    $("clients").append(...clients.map(({name}, i) => make("label", {},
      make("input", {type: "radio", name: "client", value: name, checked: i === 0}), name)));
  $("authority").hidden = trust !== "authority";
  $("authority-line").textContent = `curl -k -o ca.pem ${root.replace(/^ws/, "http")}-/ca.pem`;
  $("client-lines").textContent = client.lines;
  $("client-note").textContent = client.note;
}

$("clients").addEventListener("change", showLines);
$("text").addEventListener("input", showLines);
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText($(button.dataset.copy).textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren($(button.dataset.copy));
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

// This server.

function duration(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const found = units.findIndex(([, size]) => seconds >= size);
  const first = found < 0 ? units.length - 1 : found;
  return units.slice(first, first + 2).map(([unit, size], i, shown) =>
    `${Math.floor((i === 0 ? seconds : seconds % shown[0][1]) / size)} ${unit}`).join(" ");
}

let before = null;
async function loadStatus() {
  const answer = await fetch("-/status.json", {cache: "no-store"});
  const status = await answer.json();
  const now = performance.now();
  // Over a second at least: what was asked in between has no rate of its own.
  if (!before || now - before.now >= 1000) {
    if (before && status.messages >= before.messages)
      $("rate").textContent = grouped((status.messages - before.messages) / (now - before.now) * 1000);
    before = {messages: status.messages, now};
  }
  $("connections").textContent = grouped(status.connections);
  $("connections-noun").textContent = status.connections === 1 ? "connection" : "connections";
  $("uptime").textContent = duration(status.uptime);
  $("version").textContent = `wsechod ${status.version}`;
  server = status;
}

async function refreshStatus() {
  try {
    await loadStatus();
  } catch {
    for (const id of ["connections", "rate", "uptime"]) $(id).textContent = "–";
  }
}

async function watchStatus() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    if (!document.hidden) await refreshStatus();
  }
}

async function start() {
  $("url").value = root;
  showState();
  showLines();
  await loadStatus();
  showLines();
  await loadTable();
  document.body.dataset.ready = "yes";
  await watchStatus();
}

start();
