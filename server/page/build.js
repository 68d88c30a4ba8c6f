// SPDX-License-Identifier: MIT
// Building a behaviour: what is picked from the server's table, and the URL that asks for it.
"use strict";

// Readable where the server allows it.
function encodeValue(value, chain) {
  const encoded = encodeURIComponent(value);
  return chain ? encoded.replace(/%3A/g, ":").replace(/%3D/g, "=")
    : encoded.replace(/%3A/g, ":").replace(/%2F/g, "/").replace(/%3D/g, "=");
}

class Builder {
  // rows: the server's table; list: where it is shown; changed(): something was picked.
  constructor(rows, list, level, changed) {
    Object.assign(this, {rows, list, changed, picked: [], views: new Map()});
    this.list.replaceChildren(...this.groups(level));
    this.show();
  }

  groups(level) {
    const groups = [];
    for (const row of this.rows) {
      if (row.heading)
        groups.push(make("fieldset", {}, make("legend", {}, row.heading)));
      groups[groups.length - 1].append(this.view(row, row.level === "all" && level !== "all"));
    }
    return groups;
  }

  // One row: a box to tick, what it does, and its value.
  view(row, locked) {
    const id = `row-${row.name}`;
    const box = make("input", {type: "checkbox", id, disabled: locked, "aria-describedby": `${id}-help`,
      onchange: () => this.pick(row.name, box.checked)});
    const value = this.valueInput(row);
    // An option of the server's is not divided at the end of a line.
    const help = `${row.help[0].toUpperCase()}${row.help.slice(1)}.${locked ? " Needs --test all." : ""}`
      .split(/(--[a-z-]+)/).map((part, i) => (i % 2 ? make("span", {class: "option"}, part) : part));
    const view = make("div", {class: row.of ? "row detail" : "row"}, box,
      make("label", {for: id}, make("code", {}, row.name)), value,
      make("p", {id: `${id}-help`}, ...help));
    this.views.set(row.name, {view, box, value});
    return view;
  }

  valueInput(row) {
    const name = `Value of ${row.name}`;
    if (row.only_words)
      return make("select", {"aria-label": name, oninput: (event) => this.fill(row.name, event.target.value)},
        ...row.words.split("|").map((word) => make("option", {selected: word === row.example}, word)));
    return make("input", {"aria-label": name, value: row.example, spellcheck: "false", autocomplete: "off",
      title: row.takes ? `Takes ${row.takes}` : `${row.argument}, such as ${row.example}`,
      oninput: (event) => this.fill(row.name, event.target.value)});
  }

  row(name) {
    return this.rows.find((row) => row.name === name);
  }

  find(name) {
    return this.picked.find((item) => item.name === name);
  }

  pick(name, on) {
    if (on) this.picked.push({name, value: this.views.get(name).value.value});
    else this.picked = this.picked.filter((item) => item.name !== name);
    // A detail goes with its behaviour.
    this.picked = this.picked.filter((item) => this.has(this.row(item.name)));
    this.show();
    this.changed();
  }

  fill(name, value) {
    const item = this.find(name);
    if (!item) return;
    item.value = value;
    this.changed();
  }

  // Whether a detail has something that it is a detail of.
  has(row) {
    return !row.of || row.of.split("|").some((main) => this.find(main));
  }

  show() {
    for (const row of this.rows) {
      const {view, box, value} = this.views.get(row.name);
      const item = this.find(row.name);
      box.checked = Boolean(item);
      if (item) value.value = item.value;
      value.hidden = !item;
      view.hidden = !this.has(row) || (!item && !this.matches(row));
      view.classList.toggle("picked", box.checked);
    }
    for (const group of this.list.children)
      group.hidden = ![...group.querySelectorAll(".row")].some((view) => !view.hidden);
  }

  // The words that are looked for.
  search(words) {
    this.words = words.toLowerCase().split(/\s+/);
    this.show();
  }

  matches(row) {
    const all = `${row.name} ${row.help} ${row.words ?? ""}`.toLowerCase();
    return (this.words ?? []).every((word) => all.includes(word));
  }

  clear() {
    this.picked = [];
    this.show();
    this.changed();
  }

  // The URL with what is picked, and whatever else was in it. root: where /-/ is.
  url(from, root, chain) {
    const [, base, query = ""] = from.match(/^([^?]*)\??(.*)$/);
    const others = query.split("&").filter((part) => part && !this.row(part.split("=")[0]));
    const mine = this.picked.map(({name, value}) => [name, encodeValue(value, chain)]);
    const plain = base.startsWith(`${root}-/`) ? root : base;
    if (chain && mine.length > 0)
      return `${root}-/${mine.map((item) => item.join("/")).join("/")}`;
    const all = [...others, ...mine.map((item) => item.join("="))].join("&");
    return all ? `${plain}?${all}` : plain;
  }

  // Picks what a URL that was written by hand asks for.
  read(url, root) {
    const [, base, query = ""] = url.match(/^([^?#]*)\??(.*)$/);
    const found = query.split("&").map((part) => part.split(/=(.*)/s));
    const segments = base.startsWith(`${root}-/`) ? base.slice(root.length + 2).split("/") : [];
    for (let i = 0; i + 1 < segments.length; i += 2) found.push([segments[i], segments[i + 1]]);
    this.picked = [];
    for (const [name, value = ""] of found)
      if (this.row(name) && !this.find(name) && !this.views.get(name).box.disabled)
        this.picked.push({name, value: decoded(value)});
    this.picked = this.picked.filter((item) => this.has(this.row(item.name)));
    this.show();
  }
}

function decoded(value) {
  try {
    return decodeURIComponent(value.replace(/\+/g, " "));
  } catch {
    return value;
  }
}
