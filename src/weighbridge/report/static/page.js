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

function sortRows(table, column, direction) {
  const body = table.tBodies[0];
  const text = (row) => row.cells[column].textContent.trim();
  // Figures with digits grouped, units or intervals say by what they are sorted; unknown ones last.
  const bare = (row) => row.cells[column].dataset.sort;
  const figure = (row) => (bare(row) === "" ? direction * Infinity : Number(bare(row)));
  const compare = (a, b) =>
    bare(a) === undefined ? collator.compare(text(a), text(b)) : figure(a) - figure(b) || 0;
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

setUpTheme();
document.querySelectorAll("table[data-sortable]").forEach(setUpSorting);
document.addEventListener("weighbridge:replaced", ({ target }) => {
  target.querySelectorAll("table[data-sortable]").forEach(setUpSorting);
});
document.querySelectorAll("input[data-filter]").forEach(setUpFilter);
setUpPrinting();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
// Plotly is deferred, and this module runs before it so that the theme is right from the start.
document.addEventListener("DOMContentLoaded", drawCharts);
