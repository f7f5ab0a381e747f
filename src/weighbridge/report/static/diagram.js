// The architecture diagram: unfolding, the keyboard, details, search, differences, saving.
// The drawing and its folded layout come from Python; unfolding repeats that arithmetic once per
// action, for blocks in sight only. Without this module the folded drawing and the table remain.

const SVG = "http://www.w3.org/2000/svg";
const LAYER_HEIGHT = 22;
const LAYER_GAP = 2;
const LETTER = 6.7; // width of an average one, generous

function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = `${text} `;
  return made;
}

function html(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

// A node holds a block and, beside it, what is inside of it.
const nodeOf = (column, key) => column.svg.querySelector(`[data-row="${CSS.escape(key)}"]`);
const blockOf = (node) => node?.querySelector(":scope > .block") ?? null;
const insideOf = (node) => node.querySelector(":scope > .inside");
const keyOf = (block) => block.parentElement.dataset.row;
const around = (block) => blockOf(block.parentElement.closest(".inside")?.parentElement);

// Rows of all models as one tree; each knows its elements in every column, and how high it is
// compared with each model.
function readRows(rows, parent, columns) {
  return rows.map((data) => {
    const row = { ...data, height: data.heights[0], parent, open: false, elements: [] };
    for (const column of columns) {
      const node = nodeOf(column, data.key);
      if (node) row.elements.push(node);
    }
    row.rows = readRows(data.rows, row, columns);
    return row;
  });
}

function readColumns(root, data) {
  return [...root.querySelectorAll("svg.diagram")].map((svg, index) => ({
    svg,
    index,
    name: data.names[index],
    blocks: data.blocks[index],
    top: svg.querySelector(".blocks"),
  }));
}

function everyRow(rows) {
  return rows.flatMap((row) => [row, ...everyRow(row.rows)]);
}

// ---- Layout ----

function moveTo(group, y) {
  const x = /translate\(([-\d.]+)/.exec(group.getAttribute("transform"))[1];
  group.setAttribute("transform", `translate(${x} ${y})`);
}

// All columns together; or, where they stand below each other, one without what it lacks.
function place(rows, gap, from, measures, column) {
  let y = from;
  for (const row of rows) {
    const groups = column ? row.elements.filter((group) => column.svg.contains(group)) : row.elements;
    for (const group of groups) if (group.matches(".ghost")) group.toggleAttribute("hidden", Boolean(column));
    if (column && !groups.some((group) => group.matches(".node"))) continue;
    let inside = 0;
    if (row.open && row.rows.length) {
      const innerGap = row.list ? LAYER_GAP : measures.inner;
      inside = place(row.rows, innerGap, row.height, measures, column) - row.height + measures.indent;
    }
    const height = row.height + inside;
    for (const group of groups) {
      moveTo(group, y);
      group.querySelector(":scope > .block > .frame")?.setAttribute("height", height);
      group.querySelector(":scope > .absent")?.setAttribute("y2", height);
      const drawn = row.heights?.[0] ?? row.height; // the band was, compared with the first model
      group.querySelector(":scope > .block > .band")?.setAttribute("transform", `scale(1 ${row.height / drawn})`);
    }
    y += height + gap;
  }
  return y - gap;
}

function layOut(diagram) {
  const { rows, columns, measures, stacked } = diagram;
  const all = stacked ? 0 : place(rows, measures.gap, 0, measures);
  for (const column of columns) {
    const height = stacked ? place(rows, measures.gap, 0, measures, column) : all;
    const box = column.svg.getAttribute("viewBox").split(" ");
    box[3] = height + 2 * measures.margin;
    column.svg.setAttribute("viewBox", box.join(" "));
  }
}

// ---- Every layer by itself, made when it is first unfolded ----

function layerGroup(column, row, block, index) {
  const kind = block.kinds[block.sequence[index]];
  const width = row.width;
  const node = element("g", { class: "node", "data-row": `${row.key}.${index}`, transform: "translate(10 0)" });
  const group = element("g", { class: "block layer" });
  node.append(group);
  group.append(element("rect", { class: "frame", width, height: LAYER_HEIGHT, rx: 2 }));
  group.append(element("rect", { class: `hue h${kind.mixer}`, width: 5, height: LAYER_HEIGHT }));
  if (kind.mlp !== null) {
    group.append(element("rect", { class: `hue h${kind.mlp}`, x: 5, width: 4, height: LAYER_HEIGHT }));
  }
  group.append(element("text", { class: "label number", x: 36, y: 15, "text-anchor": "end" }, String(block.first + index)));
  // Of what does not fit the weights go first; the details tell them.
  const room = Math.floor((width - 44 - 6) / LETTER);
  const title = kind.title.length <= room ? kind.title : `${kind.title.slice(0, room - 1)}\u2026`;
  group.append(element("text", { class: "figure", x: 44, y: 15 }, title));
  if (kind.title.length + kind.weights.length + 2 <= room) {
    group.append(element("text", { class: "label", x: width - 8, y: 15, "text-anchor": "end" }, kind.weights));
  }
  column.blocks[`${row.key}.${index}`] = { ...kind, title: `layer ${block.first + index}: ${kind.title}` };
  promote(node);
  return node;
}

function makeLayers(diagram, row) {
  row.list = true;
  const found = diagram.columns.map((column) => column.blocks[row.key]);
  const most = Math.max(...found.map((block) => block?.sequence.length ?? 0));
  row.rows = Array.from({ length: most }, (_, index) => ({
    key: `${row.key}.${index}`, height: LAYER_HEIGHT, rows: [], parent: row, open: false, elements: [],
  }));
  diagram.columns.forEach((column, place) => {
    const block = found[place];
    if (!block) return;
    const outer = nodeOf(column, row.key);
    row.width = Number(outer.querySelector(".frame").getAttribute("width")) - 20;
    const groups = block.sequence.map((_, index) => layerGroup(column, row, block, index));
    groups.forEach((group, index) => row.rows[index].elements.push(group));
    insideOf(outer).append(...groups);
  });
}

function canFold(row, diagram) {
  return row.rows.length > 0 || diagram.columns.some((column) => column.blocks[row.key]?.sequence);
}

function setOpen(diagram, row, open) {
  if (!canFold(row, diagram)) return;
  if (open && !row.rows.length) makeLayers(diagram, row);
  row.open = open;
  for (const group of row.elements) {
    const inside = insideOf(group);
    if (!inside) continue;
    inside.toggleAttribute("hidden", !open);
    blockOf(group).setAttribute("aria-expanded", String(open));
  }
}

// ---- Roles, names and focus ----

// What is written on a block, as people who say what they see would name it.
function spoken(group) {
  const written = group.querySelectorAll(":scope > text, :scope > .told:not([hidden]) > text");
  return [...written].map((text) => text.textContent.trim()).join(" ");
}

function promote(node) {
  const group = blockOf(node);
  group.setAttribute("role", "treeitem");
  group.setAttribute("aria-level", String(node.dataset.row.split(".").length));
  group.setAttribute("aria-label", spoken(group));
  group.setAttribute("tabindex", "-1");
  const inside = insideOf(node);
  if (inside) {
    inside.setAttribute("role", "group");
    group.setAttribute("aria-expanded", "false");
  }
}

function setUpTree(column) {
  column.svg.removeAttribute("role");
  column.svg.removeAttribute("aria-label");
  column.top.setAttribute("role", "tree");
  column.top.setAttribute("aria-label", `Blocks of ${column.name}`);
  column.top.querySelectorAll(".node").forEach(promote);
  for (const rest of column.top.querySelectorAll(".ghost")) rest.setAttribute("aria-hidden", "true");
  column.top.querySelector(".block")?.setAttribute("tabindex", "0");
}

function inSight(column) {
  return [...column.top.querySelectorAll(".block")].filter((group) => !group.closest("[hidden]"));
}

// Into the part of the window that the details do not cover.
function reveal(column, target) {
  target.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
  const panel = column.svg.closest("[data-diagram-root]").querySelector(".panel.below");
  const floor = panel ? panel.getBoundingClientRect().top : innerHeight;
  const { top, bottom } = target.getBoundingClientRect();
  if (bottom > floor) scrollBy({ top: top - floor * 0.3, behavior: "instant" });
}

function focusOn(column, group) {
  if (!group) return;
  column.top.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
  group.setAttribute("tabindex", "0");
  group.focus({ preventScroll: true });
  reveal(column, group.querySelector(group.getAttribute("aria-expanded") === "true" ? ".title" : ".frame"));
}

function onKey(diagram, column, event) {
  const group = event.target.closest(".block");
  if (!group || event.altKey || event.ctrlKey || event.metaKey) return;
  const all = inSight(column);
  const at = all.indexOf(group);
  const row = diagram.byKey(keyOf(group));
  const parent = around(group);
  const fold = (which, open) => {
    setOpen(diagram, which, open);
    layOut(diagram);
  };
  const actions = {
    ArrowDown: () => focusOn(column, all[at + 1]),
    ArrowUp: () => focusOn(column, all[at - 1]),
    Home: () => focusOn(column, all[0]),
    End: () => focusOn(column, all.at(-1)),
    ArrowRight: () => (row.open ? focusOn(column, all[at + 1]) : fold(row, true)),
    ArrowLeft: () => (row.open ? fold(row, false) : focusOn(column, parent)),
    Enter: () => fold(row, !row.open),
    " ": () => fold(row, !row.open),
    Escape: () => {
      const open = row.open ? row : row.parent;
      if (!open) return;
      fold(open, false);
      focusOn(column, row.open || open === row ? group : parent);
    },
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

// ---- Details ----

function list(pairs) {
  const made = html("dl", "facts");
  for (const [name, value] of pairs) {
    const pair = document.createElement("div");
    pair.append(html("dt", "", name), html("dd", "", value));
    made.append(pair);
  }
  return made;
}

function part(...content) {
  const made = document.createElement("div");
  made.append(...content);
  return made;
}

function formulas(pairs) {
  const made = html("dl", "formulas");
  for (const [name, text] of pairs) made.append(html("dt", "", name), html("dd", "", text));
  return made;
}

// What a block differs in from its counterpart of the model that is compared with.
function changesOf(diagram, column, key) {
  const after = column.blocks[key].compared;
  if (column.index === diagram.base || !after.length) return [];
  const counterpart = diagram.columns[diagram.base].blocks[key];
  if (!counterpart) return [["block", "none", column.blocks[key].title]];
  const [was, is] = [new Map(counterpart.compared), new Map(after)];
  return [...new Set([...was.keys(), ...is.keys()])]
    .map((name) => [name, was.get(name) ?? "none", is.get(name) ?? "none"])
    .filter(([, before, now]) => before !== now);
}

function changeList(changes) {
  const made = html("ul", "changes");
  for (const [name, before, after] of changes) {
    const item = html("li", "", `${name}: ${before} \u2192 `);
    item.append(html("strong", "", after));
    made.append(item);
  }
  return made;
}

function headOf(diagram, column, block) {
  const head = html("div", "head");
  const close = html("button", "close", "Close");
  close.type = "button";
  close.addEventListener("click", () => hide(diagram));
  head.append(part(html("p", "eyebrow", `${column.name}, ${block.component}`), html("h3", "", block.title)), close);
  return head;
}

function show(diagram, column, group) {
  const key = keyOf(group);
  const block = column.blocks[key];
  if (!block || diagram.shown === block) return;
  diagram.shown = block;
  const parts = [headOf(diagram, column, block)];
  if (block.numbers.length) parts.push(part(list(block.numbers)));
  if (block.facts.length) parts.push(part(html("h4", "", "Dimensions"), list(block.facts)));
  if (block.formulas.length) parts.push(part(html("h4", "", "How it comes about"), formulas(block.formulas)));
  const changes = changesOf(diagram, column, key);
  if (changes.length) {
    parts.push(part(html("h4", "", `Against ${diagram.columns[diagram.base].name}`), changeList(changes)));
  }
  diagram.panel.replaceChildren(...parts);
  diagram.panel.classList.add("told");
  diagram.panel.scrollTop = 0;
}

function hide(diagram) {
  diagram.shown = null;
  // What lay below the details is now below the pointer, which has not been moved there.
  diagram.still = true;
  addEventListener("pointermove", () => (diagram.still = false), { once: true });
  diagram.panel.classList.remove("told");
  diagram.panel.replaceChildren(diagram.hint);
}

// ---- Search ----

function textOf(block) {
  const pairs = [...block.facts, ...block.formulas].flat();
  return [block.title, block.component, ...pairs].join(" ").toLowerCase();
}

function search(diagram, words) {
  diagram.hits = [];
  for (const column of diagram.columns) {
    for (const group of column.top.querySelectorAll(".block")) {
      const block = column.blocks[keyOf(group)];
      const hit = words.length > 0 && block.numbers.length > 0 && words.every((word) => textOf(block).includes(word));
      group.classList.toggle("hit", hit);
      group.classList.remove("holds");
      if (hit) diagram.hits.push({ column, group });
    }
  }
  for (const { group } of diagram.hits) {
    for (let outer = around(group); outer; outer = around(outer)) {
      outer.classList.add("holds");
    }
  }
  diagram.nextHit = 0;
}

function goToHit(diagram) {
  const hit = diagram.hits[diagram.nextHit];
  if (!hit) return;
  diagram.nextHit = (diagram.nextHit + 1) % diagram.hits.length;
  for (let row = diagram.byKey(keyOf(hit.group)).parent; row; row = row.parent) setOpen(diagram, row, true);
  layOut(diagram);
  focusOn(hit.column, hit.group);
}

function setUpSearch(diagram) {
  const box = diagram.root.querySelector('input[type="search"]');
  const status = diagram.root.querySelector("[role=status]");
  box.addEventListener("input", () => {
    if (diagram.shown) hide(diagram); // it tells of another block than those that are sought
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    search(diagram, words);
    const count = diagram.hits.length;
    status.textContent = words.length ? `${count} ${count === 1 ? "block" : "blocks"}${count ? ", Enter goes to the next" : ""}` : "";
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") goToHit(diagram);
    if (event.key !== "Escape") return;
    event.preventDefault();
    box.value = "";
    box.dispatchEvent(new Event("input"));
  });
}

// ---- Saving ----

const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap",
  "font-family", "font-size", "font-weight", "opacity",
];

// A copy without classes: everything that the stylesheet says, written out as attributes.
function resolved(original) {
  const style = getComputedStyle(original);
  if (style.display === "none" && !original.closest("defs")) return null;
  const copy = element(original.localName);
  for (const { name, value } of original.attributes) {
    if (!/^(class|role|tabindex|hidden|aria-.*|data-.*)$/.test(name)) copy.setAttribute(name, value);
  }
  if (!["svg", "g", "defs"].includes(original.localName)) {
    for (const name of STYLES) {
      if (name === "fill" && original.hasAttribute("fill")) continue;
      copy.setAttribute(name, style.getPropertyValue(name));
    }
  }
  if (style.transform !== "none" && !original.hasAttribute("transform") && original.matches(".chevron")) {
    const { x, y, width, height } = original.getBBox();
    copy.setAttribute("transform", `rotate(180 ${x + width / 2} ${y + height / 2})`);
  }
  for (const child of original.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) copy.append(child.textContent);
    else if (child.nodeType === Node.ELEMENT_NODE) copy.append(resolved(child) ?? "");
  }
  return copy;
}

function placed(svg, x, y) {
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const copy = resolved(svg);
  for (const [name, value] of Object.entries({ x, y, width, height })) copy.setAttribute(name, value);
  return { copy, width, height };
}

function asFile(diagram) {
  const page = getComputedStyle(document.body);
  const whole = element("svg", { xmlns: SVG });
  let right = 16;
  let bottom = 0;
  const parts = [];
  for (const model of diagram.root.querySelectorAll(".model")) {
    const name = model.querySelector("figcaption").textContent;
    const title = element("text", { x: right + 3, y: 30, fill: page.color, "font-family": page.fontFamily, "font-size": 16, "font-weight": 600 }, name);
    const top = placed(model.querySelector(".strip"), right, 42);
    const blocks = placed(model.querySelector(".diagram"), right, 46 + top.height);
    parts.push(title, top.copy, blocks.copy);
    right += Math.max(top.width, blocks.width) + 24;
    bottom = Math.max(bottom, 46 + top.height + blocks.height + 16);
  }
  for (const [name, value] of [["width", right], ["height", bottom], ["viewBox", `0 0 ${right} ${bottom}`]]) {
    whole.setAttribute(name, value);
  }
  const paper = element("rect", { width: right, height: bottom, fill: page.backgroundColor });
  whole.append(element("title", {}, diagram.data.names.join(" against ")), paper, ...parts);
  return new XMLSerializer().serializeToString(whole);
}

function save(diagram) {
  const link = document.createElement("a");
  const name = diagram.data.names.join("-vs-").replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 120);
  link.href = URL.createObjectURL(new Blob([asFile(diagram)], { type: "image/svg+xml" }));
  link.download = `${name || "architecture"}.svg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// ---- Which model the others are compared with ----

function compareWith(diagram, base) {
  diagram.base = base;
  const has = (list) => list.split(" ").includes(String(base));
  const all = (name) => document.querySelectorAll(`[data-${name}]`);
  for (const one of all("base")) one.toggleAttribute("hidden", Number(one.dataset.base) !== base);
  for (const one of all("bases")) one.toggleAttribute("hidden", !has(one.dataset.bases));
  for (const one of all("differs")) one.classList.toggle("differs", has(one.dataset.differs));
  for (const one of all("changed")) one.classList.toggle("changed", has(one.dataset.changed));
  for (const one of all("base-name")) one.textContent = diagram.columns[base].name;
  for (const row of everyRow(diagram.rows)) row.height = row.heights?.[base] ?? row.height;
  for (const { top } of diagram.columns) {
    for (const group of top.querySelectorAll(".block")) group.setAttribute("aria-label", spoken(group));
  }
  if (diagram.shown) hide(diagram);
  layOut(diagram);
}

// ---- All together ----

function setUpTools(diagram) {
  const { root } = diagram;
  // One level at a time: runs first, then what is inside them; never the lists of every layer.
  const unfold = () => {
    const closed = everyRow(diagram.rows).filter((row) => row.rows.length && !row.open && !row.list);
    const depth = Math.min(...closed.map((row) => row.key.split(".").length));
    for (const row of closed) if (row.key.split(".").length === depth) setOpen(diagram, row, true);
  };
  const fold = () => everyRow(diagram.rows).forEach((row) => row.open && setOpen(diagram, row, false));
  const acts = { unfold, fold, save: () => save(diagram) };
  for (const button of root.querySelectorAll("[data-act]")) {
    button.addEventListener("click", () => {
      acts[button.dataset.act]();
      layOut(diagram);
    });
  }
  const mark = root.querySelector("[data-mark]");
  mark?.addEventListener("change", () => root.classList.toggle("unmarked", !mark.checked));
  const choice = root.querySelector("[data-compare]");
  choice?.addEventListener("change", () => compareWith(diagram, Number(choice.value)));
  if (choice && choice.value !== "0") compareWith(diagram, Number(choice.value)); // as before a reload
  root.querySelector(".tools").hidden = false;
  diagram.panel.hidden = false;
}

// Details stand beside the blocks where these leave room, else below them and lower. Models that
// do not fit beside each other stand below each other.
function watchRoom(diagram) {
  const blocks = diagram.root.querySelector(".columns");
  const [first, second] = diagram.root.querySelectorAll(".model");
  const look = () => {
    const below = diagram.panel.offsetLeft < blocks.offsetLeft + blocks.offsetWidth;
    diagram.panel.classList.toggle("below", below);
    const stacked = Boolean(second) && second.offsetTop > first.offsetTop;
    if (stacked === diagram.stacked) return;
    diagram.stacked = stacked;
    layOut(diagram);
  };
  new ResizeObserver(look).observe(diagram.root);
  look();
}

// Below the blocks details would come and go under the pointer: there only a click brings them.
function pointsAt({ panel, still }) {
  return !still && (!panel.matches(".below") || panel.matches(".told"));
}

function setUp(root) {
  const data = JSON.parse(root.querySelector("script[data-diagram]").textContent);
  const columns = readColumns(root, data);
  const diagram = { root, data, columns, measures: data.measures, panel: root.querySelector(".panel"), hits: [], nextHit: 0, base: 0, stacked: false };
  diagram.rows = readRows(data.rows, null, columns);
  diagram.byKey = (key) => everyRow(diagram.rows).find((row) => row.key === key);
  for (const column of columns) {
    setUpTree(column);
    column.top.addEventListener("keydown", (event) => onKey(diagram, column, event));
    column.top.addEventListener("click", (event) => {
      const group = event.target.closest(".block");
      if (!group) return;
      const row = diagram.byKey(keyOf(group));
      setOpen(diagram, row, !row.open);
      layOut(diagram);
      focusOn(column, group);
    });
    for (const kind of ["pointerover", "focusin"]) {
      column.top.addEventListener(kind, (event) => {
        const group = event.target.closest(".block");
        if (group && (kind === "focusin" || pointsAt(diagram))) show(diagram, column, group);
      });
    }
  }
  diagram.hint = diagram.panel.firstElementChild;
  setUpSearch(diagram);
  setUpTools(diagram);
  watchRoom(diagram);
}

document.querySelectorAll("[data-diagram-root]").forEach(setUp);
