// SPDX-License-Identifier: MIT
// Figures: how they are written, the plot of round trips, and the histogram.
"use strict";

// An element of HTML, or of SVG if the name begins with "svg:". on... are listeners, null is left
// out.
function make(name, attributes = {}, ...children) {
  const [, svg, plain] = name.match(/^(svg:)?(.*)$/);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", plain)
    : document.createElement(plain);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function milliseconds(time) {
  if (time >= 10000) return `${(time / 1000).toFixed(1)} s`;
  return `${time.toFixed(time >= 100 ? 0 : time >= 10 ? 1 : 2)} ms`;
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  for (; count >= 1024 && unit < 3; unit++) count /= 1024;
  return `${count >= 100 || unit === 0 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

function grouped(number) {
  return Math.round(number).toLocaleString("en");
}

// The smallest value that this share of the sorted values does not exceed.
function percentile(sorted, share) {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

// 1, 2 and 5 times powers of ten, from the last one below to the first one above.
function ticks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)); power++)
    for (const step of [1, 2, 5]) found.push(Number((step * 10 ** power).toPrecision(3)));
  const first = Math.max(0, found.findLastIndex((tick) => tick <= low));
  const last = found.findIndex((tick) => tick >= high);
  return found.slice(first, (last < 0 ? found.length - 1 : last) + 1);
}

// As many as there is room for: all, or 1 and 5, or the powers of ten.
function thinned(marks, room) {
  const first = (tick) => Number(tick.toExponential()[0]);
  return [[1, 2, 5], [1, 5], [1]].map((digits) => marks.filter((tick) => digits.includes(first(tick))))
    .find((some, i) => some.length <= room || i === 2);
}

function tickText(tick) {
  return tick >= 1000 ? `${tick / 1000} s` : `${tick} ms`;
}

class Chart {
  constructor(svg, empty) {
    Object.assign(this, {svg, empty, values: []});
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  set(values) {
    this.values = values;
    this.draw();
  }

  // Draws, at most once for each picture on the screen.
  draw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      const box = this.svg.getBoundingClientRect();
      const frame = {left: 52, top: 14, right: box.width - 54, bottom: box.height - 26};
      if (frame.right <= frame.left) return;
      this.svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
      this.svg.replaceChildren(...(this.values.length > 0 ? this.marks(frame)
        : [text((box.width) / 2, box.height / 2, this.empty, "middle", "empty")]));
    });
  }
}

function line(x1, y1, x2, y2, kind) {
  return make("svg:line", {x1, y1, x2, y2, class: kind});
}

function text(x, y, content, anchor, kind = "tick") {
  return make("svg:text", {x, y, "text-anchor": anchor, class: kind}, content);
}

// Round trips in their order, the last ones, on a logarithmic scale.
class Plot extends Chart {
  marks({left, top, right, bottom}) {
    const shown = this.shown;
    const sorted = [...shown].sort((a, b) => a - b);
    const scale = ticks(Math.max(0.001, sorted[0]), sorted[sorted.length - 1]);
    const low = Math.log(scale[0]), high = Math.log(scale[scale.length - 1]);
    const y = (time) => bottom - (Math.log(Math.max(time, scale[0])) - low) / (high - low || 1) * (bottom - top);
    const x = (i) => left + (i + 0.5) / this.room * (right - left);
    const marks = thinned(scale, (bottom - top) / 28).flatMap((tick) => [
      line(left, y(tick), right, y(tick), "grid"),
      text(left - 8, y(tick) + 4, tickText(tick), "end")]);
    const first = this.values.length - shown.length + 1;
    marks.push(text(left, bottom + 18, `echo ${grouped(first)}`, "start"));
    if (this.values.length > 1)
      marks.push(text(right, bottom + 18, grouped(first + this.room - 1), "end"));
    marks.push(...shown.map((time, i) => make("svg:circle", {cx: x(i), cy: y(time), r: 2.25, class: "dot"})));
    const p50 = percentile(sorted, 0.5), p99 = percentile(sorted, 0.99);
    // The two names must not touch.
    const apart = Math.max(0, 14 - (y(p50) - y(p99))) / 2;
    marks.push(line(left, y(p50), right, y(p50), "p50"), line(left, y(p99), right, y(p99), "p99"),
      text(right + 6, y(p50) + 4 + apart, "p50", "start", "p50"),
      text(right + 6, y(p99) + 4 - apart, "p99", "start", "p99"));
    return marks;
  }

  get shown() {
    return this.values.slice(-this.room);
  }

  // How many there is room for.
  get room() {
    return Math.max(60, Math.min(400, Math.round(this.svg.clientWidth / 3)));
  }
}

// How many took how long: the buckets are equally wide on a logarithmic scale.
class Histogram extends Chart {
  marks({left, top, right, bottom}) {
    const sorted = [...this.values].sort((a, b) => a - b);
    const scale = ticks(Math.max(0.001, sorted[0]), sorted[sorted.length - 1]);
    const low = Math.log(scale[0]), high = Math.log(scale[scale.length - 1]);
    const share = (time) => (Math.log(Math.max(time, scale[0])) - low) / (high - low || 1);
    const count = Math.max(12, Math.min(60, Math.floor((right - left) / 9)));
    const buckets = new Array(count).fill(0);
    for (const time of sorted) buckets[Math.min(count - 1, Math.floor(share(time) * count))]++;
    const most = Math.max(...buckets), width = (right - left) / count;
    const x = (time) => left + share(time) * (right - left);
    const marks = [];
    for (const part of [0.5, 1])
      marks.push(line(left, bottom - part * (bottom - top), right, bottom - part * (bottom - top), "grid"),
        text(left - 8, bottom - part * (bottom - top) + 4, grouped(most * part), "end"));
    buckets.forEach((number, i) => {
      const height = number / most * (bottom - top);
      if (number > 0)
        marks.push(make("svg:rect", {x: left + i * width + 0.5, y: bottom - Math.max(1, height),
          width: width - 1, height: Math.max(1, height), class: "bar"}));
    });
    marks.push(line(left, bottom, right, bottom, "axis"));
    marks.push(...thinned(scale, (right - left) / 60).map((tick) =>
      text(x(tick), bottom + 18, tickText(tick), "middle")));
    for (const [name, part] of [["p50", 0.5], ["p99", 0.99]]) {
      const at = x(percentile(sorted, part));
      marks.push(line(at, top, at, bottom, name), text(at, top - 3, name, "middle", name));
    }
    return marks;
  }
}
