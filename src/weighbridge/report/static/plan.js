// Questions that are answered anew while they change (plans, costs): sliders beside numbers, and the
// server's answer in place. Of plans also filters over what is embedded, and the plot's keyboard.
// Pages read fully without it, and the form works.

const WAIT_MS = 250;
const STEPS = 200;
const result = document.querySelector("#plan-result, [data-live-result]");

// ---- Sliders: beside the field that counts, logarithmic unless it is said to be linear ----

const round = (value) => Number(value.toPrecision(value < 100 ? 2 : 3));
// Numbers as people type them: 16k is 16384, as on the command line.
function numberIn(text) {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(k?)\s*$/i.exec(text);
  return match ? Number(match[1]) * (match[2] ? 1024 : 1) : NaN;
}

// Costs are written in decimal units, and may be ranges: the value between the ends is the base.
const TIMES = { "": 1, k: 1e3, m: 1e6, b: 1e9, t: 1e12, "%": 1 };
function decimalIn(text) {
  const pattern = /^[\s$]*([\d_.]+)\s*([kmbt%]?)\s*$/i;
  const parts = text.replace("~", "").split("..").map((part) => pattern.exec(part));
  if (parts.some((part) => !part)) return NaN;
  const base = parts[parts.length === 3 ? 1 : 0];
  return Number(base[1].replaceAll("_", "")) * TIMES[(base[2] || parts.at(-1)[2]).toLowerCase()];
}

function valueIn(field, text) {
  return "written" in field.dataset ? decimalIn(text) : numberIn(text);
}

// From the slider's share to a value and back; a linear one may begin at zero.
function scaleOf(field) {
  const [least, most] = [Number(field.dataset.least), Number(field.dataset.most)];
  if ("linear" in field.dataset) {
    return {
      value: (share) => least + share * (most - least),
      share: (value) => (value - least) / (most - least),
    };
  }
  return {
    value: (share) => least * (most / least) ** share,
    share: (value) => Math.log(value / least) / Math.log(most / least),
  };
}

function setUpSlider(field) {
  const scale = scaleOf(field);
  const open = "openEnd" in field.dataset;
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = STEPS;
  slider.setAttribute("aria-label", `${field.labels[0].textContent.trim()}, slider`);
  const toField = () => {
    const share = Number(slider.value) / STEPS;
    field.value = open && share === 1 ? "" : String(written(field, scale.value(share)));
  };
  const toSlider = () => {
    // An empty field stands for its default, which is shown in it.
    const empty = field.value.trim() === "";
    const share = scale.share(valueIn(field, empty && !open ? field.placeholder : field.value));
    if (!Number.isNaN(share)) slider.value = STEPS * Math.min(1, Math.max(0, share));
    else if (empty) slider.value = open ? STEPS : 0;
    slider.setAttribute("aria-valuetext", field.value || field.placeholder || "any");
  };
  slider.addEventListener("input", () => {
    toField();
    slider.setAttribute("aria-valuetext", field.value || "any");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  field.addEventListener("input", (event) => event.isTrusted && toSlider());
  field.addEventListener("weighbridge:hinted", toSlider);
  field.closest(".field").classList.add("slides");
  field.closest(".entry").after(slider);
  toSlider();
}

// Users come whole, contexts in round binary numbers.
function written(field, value) {
  if ("written" in field.dataset) return decimal(field.dataset.written, value);
  if (field.name === "context") {
    const unit = value < 8192 ? 512 : value < 65536 ? 4096 : 16384;
    return Math.max(unit, Math.round(value / unit) * unit);
  }
  return field.name === "users" ? Math.max(1, Math.round(round(value))) : round(value);
}

function decimal(how, value) {
  if (how === "percent") return `${Math.round(value)}%`;
  if (how === "whole") return Math.max(1, Math.round(round(value)));
  if (how === "usd") return Number(value.toFixed(value < 10 ? 2 : 1));
  const units = [["B", 1e9], ["M", 1e6], ["k", 1e3]];
  const [unit, size] = units.find(([, least]) => value >= 0.999 * least) ?? ["", 1];
  return `${Number((value / size).toPrecision(2))}${unit}`;
}

// ---- Asking anew ----

function setUpLive(form) {
  const status = form.querySelector("[data-status]");
  let timer = 0;
  let running = null;
  const address = () => {
    const pairs = [...new FormData(form)].filter(([, value]) => value.trim() !== "");
    return `${form.getAttribute("action")}?${new URLSearchParams(pairs)}`;
  };
  const ask = async () => {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const url = address();
    result.setAttribute("aria-busy", "true");
    status.textContent = form.dataset.busy ?? "Planning …";
    try {
      // The lists of names are here already, and need not be sent again.
      const answer = await fetch(url, { signal, headers: { "x-weighbridge-anew": "1" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (signal.aborted) return;
      const fresh = page.getElementById(result.id) ?? page.querySelector("main");
      // Read before its nodes move to this page.
      const line = fresh.querySelector("[data-result-line]")?.dataset.resultLine;
      const words = line ?? fresh.textContent.trim();
      follow(form, page);
      show(fresh);
      document.title = page.title;
      history.replaceState(null, "", url);
      status.textContent = words;
    } catch (error) {
      if (error.name === "AbortError") return;
      status.textContent = "The server does not answer. Is weigh ui still running?";
    }
    result.removeAttribute("aria-busy");
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  };
  form.addEventListener("input", later);
  form.addEventListener("change", later);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    ask();
  });
}

// What empty fields stand for depends on the answer, as does what the form says of itself.
function follow(form, page) {
  for (const field of form.querySelectorAll("input[placeholder]")) {
    const fresh = page.getElementById(field.id);
    if (!fresh || fresh.placeholder === field.placeholder) continue;
    field.placeholder = fresh.placeholder;
    field.dispatchEvent(new Event("weighbridge:hinted"));
  }
  for (const part of form.querySelectorAll("[data-follows]")) {
    const fresh = page.getElementById(part.id);
    if (fresh) part.replaceChildren(...fresh.childNodes);
  }
}

// The answer of the server in place of the former one; the axis stays, and what was unfolded.
function show(fresh) {
  const all = result.querySelector("#all-rows")?.checked;
  const axis = result.querySelector("input[name=axis]:checked")?.value;
  const open = new Set([...result.querySelectorAll("section:has(details[open])")].map((one) => one.id));
  result.replaceChildren(...fresh.childNodes);
  const same = axis && result.querySelector(`input[name=axis][value="${axis}"]`);
  if (same) same.checked = true;
  const rows = result.querySelector("#all-rows");
  if (rows && all) rows.checked = true;
  for (const id of open) {
    const details = result.querySelector(`#${id} details`);
    if (details) details.open = true;
  }
  setUpResult();
  result.dispatchEvent(new Event("weighbridge:replaced", { bubbles: true }));
}

// ---- Filters over what is on the page ----

function setUpFilters(box) {
  const rows = [...result.querySelectorAll(".ways tr[data-place]")];
  const marks = [...result.querySelectorAll(".pareto [data-place]")];
  const shown = box.querySelector("[data-shown]");
  const apply = () => {
    const limits = [...box.querySelectorAll("[data-most-of]")]
      .map((field) => [field.dataset.mostOf, numberIn(field.value)])
      .filter(([, limit]) => !Number.isNaN(limit));
    const left = {};
    for (const each of box.querySelectorAll("[data-of]")) {
      left[each.dataset.of] ??= new Set();
      if (each.checked) left[each.dataset.of].add(each.value);
    }
    const passes = ({ dataset }) =>
      limits.every(([of, limit]) => dataset[of] !== "" && Number(dataset[of]) <= limit) &&
      Object.entries(left).every(([of, values]) => values.has(dataset[of]));
    const out = new Set();
    for (const row of rows) {
      row.hidden = !passes(row);
      if (row.hidden) out.add(row.dataset.place);
    }
    for (const mark of marks) mark.classList.toggle("out", out.has(mark.dataset.place));
    // Once something is left out, all that is left is shown.
    const all = result.querySelector("#all-rows");
    if (all && out.size) all.checked = true;
    setUpWalk();
    shown.textContent = `${rows.length - out.size} of ${rows.length} ways shown.`;
  };
  box.hidden = false;
  box.addEventListener("input", apply);
  apply();
}

// ---- The plot: one stop of the tab key, arrows from mark to mark, the words below ----

const acrossOf = (way) => parseFloat(way.querySelector(".dot").getAttribute("cx"));
const waysOf = (plot) =>
  [...plot.querySelectorAll("a.way:not(.out)")].sort((a, b) => acrossOf(a) - acrossOf(b));

function setUpWalk() {
  for (const plot of result.querySelectorAll(".pareto")) {
    for (const way of plot.querySelectorAll("a.way")) way.setAttribute("tabindex", "-1");
    waysOf(plot)[0]?.setAttribute("tabindex", "0");
  }
}

function setUpPlot(plot) {
  const readout = result.querySelector("[data-readout]");
  const tell = (event) => {
    const way = event.target.closest("a.way");
    if (way) readout.textContent = way.querySelector("title").textContent;
  };
  plot.addEventListener("pointerover", tell);
  plot.addEventListener("focusin", tell);
  plot.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const ways = waysOf(plot);
    const at = ways.indexOf(event.target.closest("a.way"));
    if (at < 0) return;
    const to = { Home: ways[0], End: ways.at(-1) }[event.key] ?? ways[at + (steps[event.key] ?? NaN)];
    if (!to) return;
    event.preventDefault();
    ways[at].setAttribute("tabindex", "-1");
    to.setAttribute("tabindex", "0");
    to.focus();
  });
}

function setUpResult() {
  setUpWalk();
  result.querySelectorAll(".pareto").forEach(setUpPlot);
  result.querySelectorAll("[data-filter-ways]").forEach((box) => {
    box.querySelectorAll("[data-slider]").forEach(setUpSlider);
    setUpFilters(box);
  });
}

document.querySelectorAll("form[data-live]").forEach((form) => {
  form.querySelectorAll("[data-slider]").forEach(setUpSlider);
  form.classList.add("live");
  setUpLive(form);
});
setUpResult();
