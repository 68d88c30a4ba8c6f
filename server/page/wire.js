// SPDX-License-Identifier: MIT
// A connection: what went out, what came, and which message is the echo of which.
"use strict";

const SAMPLE = 16384; // bytes of a message that are kept to be looked at
const WAITING_MAX = 4096; // messages without an echo that are remembered
const ECHO_TIME = 10000; // ms

function sameData(a, b) {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

// What the log shows of a message.
function describeMessage(direction, data) {
  const text = typeof data === "string";
  return {
    direction,
    at: new Date(),
    type: text ? "text" : "binary",
    size: text ? new Blob([data]).size : data.length,
    sample: text ? new TextEncoder().encode(data.slice(0, SAMPLE)).slice(0, SAMPLE)
      : data.slice(0, SAMPLE),
  };
}

class Wire {
  // tell(entry): something for the log; timed(ms): a round trip; changed(): another state.
  constructor({tell, timed, changed}) {
    Object.assign(this, {tell, timed, changed, socket: null, url: "", waiting: [], number: 0});
  }

  get state() {
    const states = ["connecting", "open", "closing", "closed"];
    return this.socket ? states[this.socket.readyState] : "closed";
  }

  event(text, more = {}) {
    this.tell({direction: "event", at: new Date(), text, ...more});
  }

  // Throws a SyntaxError if the URL, or a subprotocol, is none.
  open(url, protocols) {
    const socket = new WebSocket(url, protocols);
    const started = performance.now();
    let opened = false;
    this.close(1000, "");
    this.forget("another connection was opened");
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.url = url;
    socket.onopen = () => {
      opened = true;
      const protocol = socket.protocol ? `, subprotocol ${socket.protocol}` : "";
      this.event(`Open after ${milliseconds(performance.now() - started)}${protocol}`, {good: true});
      if (socket === this.socket) this.changed();
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.received(event.data);
    };
    socket.onclose = (event) => {
      this.event(opened ? closeText(event) : "No connection: the handshake failed",
        {code: event.code, bad: !opened || !event.wasClean, refused: opened ? null : url});
      if (socket !== this.socket) return;
      this.forget("the connection was closed");
      this.changed();
    };
    this.changed();
  }

  // A quiet message is for its round trip: neither it nor its echo is told.
  send(data, quiet) {
    const entry = quiet ? {} : describeMessage("sent", data);
    Object.assign(entry, {data, quiet, number: ++this.number});
    if (this.waiting.length >= WAITING_MAX) this.waiting.shift();
    this.waiting.push(entry);
    if (!quiet) this.tell(entry);
    entry.sentAt = performance.now();
    this.socket.send(data);
    return entry;
  }

  // Sends quietly; a promise of the round trip in milliseconds.
  echo(data) {
    return new Promise((resolve, reject) => {
      const entry = this.send(data, true);
      const timer = setTimeout(() => entry.fail(new Error("no echo came within 10 s")), ECHO_TIME);
      entry.done = (time) => { clearTimeout(timer); resolve(time); };
      entry.fail = (error) => { clearTimeout(timer); reject(error); };
    });
  }

  received(raw) {
    const now = performance.now();
    const data = typeof raw === "string" ? raw : new Uint8Array(raw);
    const index = this.waiting.findIndex((sent) => sameData(sent.data, data));
    const sent = index >= 0 ? this.waiting[index] : null;
    if (sent) {
      // What was sent before it will not be echoed any more.
      this.waiting.splice(0, index + 1);
      sent.roundTrip = now - sent.sentAt;
      sent.data = null;
      this.timed(sent.roundTrip);
      if (sent.done) sent.done(sent.roundTrip);
    }
    if (!sent || !sent.quiet) this.tell({...describeMessage("received", data), echo: sent});
  }

  forget(why) {
    const waiting = this.waiting;
    this.waiting = [];
    for (const entry of waiting) if (entry.fail) entry.fail(new Error(why));
  }

  close(code, reason) {
    if (this.state === "open" || this.state === "connecting") this.socket.close(code, reason);
  }
}

const CODES = {
  1000: "normal", 1001: "going away", 1002: "protocol error", 1003: "unsupported data",
  1005: "no code", 1006: "lost: there was no Close frame", 1007: "not UTF-8", 1008: "policy",
  1009: "message too large", 1010: "extension missing", 1011: "internal error",
  1012: "restart", 1013: "try again later", 1014: "bad gateway", 1015: "TLS",
};

function closeText({code, reason}) {
  const meaning = CODES[code] ? ` (${CODES[code]})` : "";
  return `Closed with ${code}${meaning}${reason ? `: ${reason}` : ""}`;
}
