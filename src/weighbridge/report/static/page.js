// Charts, sortable tables, the filter box and the theme button. Pages read fully without it.

const root = document.documentElement;
const THEMES = ["system", "light", "dark"];
const KEY = "weighbridge-theme";

// localStorage throws where it is forbidden (files, private windows): then nothing is remembered.
function remembered() {
  try {
    return localStorage.getItem(KEY) ?? "system";
  } catch {
    return "system";
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // The choice holds until the page is left.
  }
}

function applyTheme(theme) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
}

function setUpTheme() {
  const button = document.getElementById("theme");
  const label = button.querySelector("[data-theme-name]");
  let theme = THEMES.includes(remembered()) ? remembered() : "system";
  const show = () => {
    applyTheme(theme);
    label.textContent = theme;
  };
  show();
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remember(theme);
    show();
    drawCharts();
  });
}

// The colour that a CSS variable stands for in the present theme, as rgb().
function resolver() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const known = new Map();
  const resolve = (name) => {
    if (!known.has(name)) {
      probe.style.color = `var(${name})`;
      known.set(name, getComputedStyle(probe).color);
    }
    return known.get(name);
  };
  return { resolve, done: () => probe.remove() };
}

function withColours(value, resolve) {
  if (typeof value === "string") {
    const name = /^var\((--[a-z0-9-]+)\)$/.exec(value);
    return name ? resolve(name[1]) : value;
  }
  if (Array.isArray(value)) return value.map((item) => withColours(item, resolve));
  if (value === null || typeof value !== "object") return value;
  const pairs = Object.entries(value);
  return Object.fromEntries(pairs.map(([key, item]) => [key, withColours(item, resolve)]));
}

function axis(own, resolve, size) {
  const line = resolve("--line");
  const title = { ...own.title, font: { size, color: resolve("--muted") } };
  return { gridcolor: line, linecolor: line, zerolinecolor: line, fixedrange: true, ...own, title };
}

function themed(figure, resolve) {
  const { data, layout } = withColours(figure, resolve);
  const rem = parseFloat(getComputedStyle(root).fontSize);
  const size = rem * 0.78;
  return {
    data,
    layout: {
      ...layout,
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      height: (layout.height * rem) / 16,
      font: {
        family: getComputedStyle(document.body).fontFamily,
        size,
        color: resolve("--ink"),
      },
      hoverlabel: {
        bgcolor: resolve("--surface"),
        bordercolor: resolve("--muted"),
        font: { color: resolve("--ink") },
      },
      xaxis: axis(layout.xaxis, resolve, size),
      yaxis: axis(layout.yaxis, resolve, size),
    },
  };
}

function drawCharts() {
  if (!window.Plotly) return;
  const { resolve, done } = resolver();
  for (const source of document.querySelectorAll("script[data-chart]")) {
    const place = source.previousElementSibling;
    const { data, layout } = themed(JSON.parse(source.textContent), resolve);
    if (!place.dataset.drawn) place.replaceChildren();
    window.Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
    place.dataset.drawn = "yes";
  }
  done();
}

// Paper is white and narrower than the window: draw for it, then for the screen again.
function setUpPrinting() {
  const size = (width) => {
    for (const place of document.querySelectorAll("[data-drawn]")) {
      window.Plotly.relayout(place, width ? { width, autosize: false } : { autosize: true });
    }
  };
  window.addEventListener("beforeprint", () => {
    applyTheme("light");
    drawCharts();
    if (window.Plotly) size(640);
  });
  window.addEventListener("afterprint", () => {
    applyTheme(remembered());
    drawCharts();
  });
}

const collator = new Intl.Collator("en", { numeric: true });

// "1,024 MiB" is 1024 with " MiB" behind it; minus signs may be typographic.
function measure(text) {
  const match = /^([\u2212+-]?)\s*([\d,]*\.?\d+)(.*)$/s.exec(text);
  if (!match) return null;
  const size = Number(match[2].replaceAll(",", ""));
  return { value: "\u2212-".includes(match[1]) && match[1] ? -size : size, unit: unitOf(match[3]) };
}

const unitOf = (rest) => rest.trim().split(/[\s\[(]/)[0];

function sortRows(table, column, direction) {
  const body = table.tBodies[0];
  const text = (row) => row.cells[column].textContent.trim();
  // Figures with digits grouped, units or intervals say by what they are sorted; unknown ones last.
  const bare = (row) => row.cells[column].dataset.sort;
  const figure = (row) => (bare(row) === "" ? direction * Infinity : Number(bare(row)));
  // Others are numbers where all of a column are, in one unit.
  const sizes = new Map([...body.rows].map((row) => [row, measure(text(row))]));
  const units = new Set([...sizes.values()].map((size) => size?.unit));
  const numeric = units.size === 1 && !units.has(undefined);
  const compare = (a, b) => {
    if (bare(a) !== undefined) return figure(a) - figure(b) || 0;
    if (numeric) return sizes.get(a).value - sizes.get(b).value;
    return collator.compare(text(a), text(b));
  };
  const rows = [...body.rows].sort((a, b) => direction * compare(a, b));
  body.append(...rows);
}

function setUpSorting(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortRows(table, column, ascending ? 1 : -1);
    });
  });
}

function setUpFilter(box) {
  const table = document.getElementById(box.dataset.filter);
  const status = document.getElementById(`${box.dataset.filter}-status`);
  const rows = [...table.tBodies[0].rows];
  const apply = () => {
    const words = box.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    status.textContent = `${shown} of ${rows.length} ${box.dataset.noun ?? "runs"}`;
  };
  box.closest("[hidden]").hidden = false;
  box.addEventListener("input", apply);
  apply();
}

// ---- Every table of figures can be taken away: as text for a sheet, or as a file of CSV ----

const FILTER_FROM = 12;
const FORMULA = /^[=+@\t\r-](?![\d.,\s]*%?$)/;

// Marks of sources are for the eye: beside a value they would be part of it. An interval is apart.
function cellText(cell) {
  const copy = cell.cloneNode(true);
  copy.querySelectorAll("sup, .mark, [hidden]").forEach((mark) => mark.remove());
  copy.querySelectorAll(".range, .tag, .unsure, br, div, p, li").forEach((part) => part.before(" "));
  return copy.textContent.replace(/\s+/g, " ").trim();
}

function shownCells(table) {
  const rows = [...table.rows].filter((row) => !row.hidden);
  return rows.map((row) => [...row.cells].map(cellText));
}

// A spreadsheet takes what begins so for a formula, and models write what they like.
const harmless = (text) => (FORMULA.test(text) ? `'${text}` : text);

function toCsv(cells) {
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return cells.map((row) => row.map((text) => quoted(harmless(text))).join(",")).join("\r\n");
}

function toolButton(label, about, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.setAttribute("aria-label", about);
  button.addEventListener("click", () => act(button));
  return button;
}

async function copyTable(table, button) {
  const text = shownCells(table).map((row) => row.map(harmless).join("\t")).join("\n");
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "The browser forbids it";
  }
  window.setTimeout(() => (button.textContent = "Copy"), 2000);
}

function saveTable(table, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([toCsv(shownCells(table))], { type: "text/csv" }));
  link.download = `${name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

const isPlain = (table) =>
  table.tHead?.rows.length === 1 &&
  table.tBodies.length === 1 &&
  [...table.tBodies[0].rows].every((row) => row.cells.length === table.tHead.rows[0].cells.length);

function setUpTools(table) {
  const box = table.closest(".scroll");
  if (!box || !table.tHead || box.nextElementSibling?.classList.contains("table-tools")) return;
  const name = box.getAttribute("aria-label") || table.caption?.textContent || document.title;
  const tools = document.createElement("p");
  tools.className = "table-tools";
  tools.append(
    toolButton("Copy", `Copy the table ${name}`, (button) => copyTable(table, button)),
    toolButton("CSV", `Save the table ${name} as CSV`, () => saveTable(table, name)),
  );
  box.after(tools);
  const rows = table.tBodies[0]?.rows.length ?? 0;
  if (rows >= 3 && isPlain(table) && !table.hasAttribute("data-sortable")) setUpSorting(table);
  if (rows >= FILTER_FROM && isPlain(table) && !document.querySelector(`[data-filter="${table.id}"]`)) {
    addFilter(table, tools, name);
  }
}

function addFilter(table, tools, name) {
  const box = document.createElement("input");
  box.type = "search";
  box.placeholder = "Filter";
  box.setAttribute("aria-label", `Filter the table ${name}`);
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/);
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  tools.prepend(box);
}

// Parts that bring themselves up to date keep to what the server says of them.
const LIVE = "[data-gateway], #study, .rate, .ways";

function setUpTables(part) {
  for (const table of part.querySelectorAll(".scroll table")) {
    if (!table.closest(LIVE)) setUpTools(table);
  }
}

setUpTheme();
document.querySelectorAll("table[data-sortable]").forEach(setUpSorting);
setUpTables(document);
document.addEventListener("weighbridge:replaced", ({ target }) => {
  target.querySelectorAll("table[data-sortable]").forEach(setUpSorting);
  setUpTables(target);
});
document.querySelectorAll("input[data-filter]").forEach(setUpFilter);
setUpPrinting();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
// Plotly is deferred, and this module runs before it so that the theme is right from the start.
document.addEventListener("DOMContentLoaded", drawCharts);
