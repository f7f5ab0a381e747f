// Load runs: what lies under the pointer of a chart, by mouse, finger or arrow keys, and the page
// of a run under way. Pages read fully without it.

const SVG = "http://www.w3.org/2000/svg";
const POLL_MS = 1000;

// ---- Figures as on the rest of the page: about three significant digits ----

function written(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const decimals = Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function quantity(value, axis) {
  if (axis.percent) return `${(100 * value).toFixed(1)}\u00a0%`;
  return axis.unit ? `${written(value)}\u00a0${axis.unit}` : written(value);
}

// ---- Axes: percentages of the drawing and back ----

function place(axis, value) {
  const along = axis.log ? Math.log10(Math.max(value, Number.MIN_VALUE)) : value;
  return axis.start + ((along - axis.low) / (axis.high - axis.low)) * (axis.end - axis.start);
}

function valueAt(axis, percent) {
  const share = Math.min(1, Math.max(0, (percent - axis.start) / (axis.end - axis.start)));
  const along = axis.low + share * (axis.high - axis.low);
  return axis.log ? 10 ** along : along;
}

// The share of a sample up to a value: its CDF is a staircase.
function shareAt(series, value) {
  let share = 0;
  for (let i = 0; i < series.x.length && series.x[i] <= value; i += 1) share = series.y[i];
  return share;
}

function nearest(values, value, distance) {
  let best = 0;
  values.forEach((one, i) => {
    if (distance(one, value) < distance(values[best], value)) best = i;
  });
  return best;
}

function interval(series, i) {
  const [low, high] = [series.low?.[i], series.high?.[i]];
  if (low === null || low === undefined || high === null || high === undefined) return "";
  return ` (${written(low)}–${written(high)})`;
}

// ---- What a chart says at a place: where the line stands, and the words ----

function readNearest(data, percent) {
  const values = [...new Set(data.series.flatMap((series) => series.x))].sort((a, b) => a - b);
  const far = (a, b) => Math.abs(place(data.x, a) - b);
  const at = nearest(values, percent, far);
  const x = values[at];
  const parts = data.series
    .filter((series) => series.x.includes(x))
    .map((series) => {
      const i = series.x.indexOf(x);
      return `${series.name} ${quantity(series.y[i], data.y)}${interval(series, i)}`;
    });
  return { percent: place(data.x, x), text: `${quantity(x, data.x)}: ${parts.join("; ")}`, at, values };
}

function readShare(data, percent) {
  const x = valueAt(data.x, percent);
  const parts = data.series.map(
    (series) => `${series.name} ${(100 * shareAt(series, x)).toFixed(1)}\u00a0%`,
  );
  return { percent: place(data.x, x), text: `up to ${quantity(x, data.x)}: ${parts.join("; ")}` };
}

function readRow(data, percent) {
  const count = data.rows.length;
  const row = Math.min(count - 1, Math.max(0, Math.floor((percent / data.end) * count)));
  const [index, sent, ttft, e2e, tokens, stalls, error] = data.rows[row];
  const parts = [`sent at ${written(sent)}\u00a0s`];
  parts.push(ttft === null ? "no first token" : `first token after ${written(ttft)}\u00a0ms`);
  parts.push(`end after ${written(e2e)}\u00a0ms`, `${tokens} tokens`);
  if (stalls) parts.push(`${stalls} stall${stalls === 1 ? "" : "s"}`);
  if (error) parts.push(`failed: ${error}`);
  return { percent: ((row + 0.5) / count) * data.end, text: `Request ${index + 1}: ${parts.join("; ")}` };
}

const READERS = { nearest: readNearest, share: readShare, rows: readRow };

function setUpGraph(figure) {
  const box = figure.querySelector("[data-canvas]");
  const drawing = box.querySelector("svg");
  const readout = figure.querySelector("[data-readout]");
  const data = JSON.parse(figure.querySelector("script").textContent);
  const down = data.reading === "rows";
  const read = READERS[data.reading];
  const line = document.createElementNS(SVG, "line");
  line.setAttribute("class", "cursor");
  line.setAttribute("visibility", "hidden");
  drawing.append(line);
  let percent = down ? 0 : data.x.start;

  const show = (at) => {
    percent = at;
    const found = read(data, at);
    const where = `${found.percent}%`;
    const ends = down
      ? { x1: "0%", x2: "100%", y1: where, y2: where }
      : { x1: where, x2: where, y1: `${data.y.end}%`, y2: `${data.y.start}%` };
    Object.entries(ends).forEach(([name, value]) => line.setAttribute(name, value));
    line.setAttribute("visibility", "visible");
    readout.textContent = found.text;
    return found;
  };
  const hide = () => {
    line.setAttribute("visibility", "hidden");
    readout.textContent = hint;
  };
  const hint = down
    ? "Point at a line, or use the arrow keys, to read a request."
    : "Point at the chart, or use the arrow keys, to read it.";
  box.addEventListener("pointermove", (event) => {
    const frame = drawing.getBoundingClientRect();
    const share = down
      ? (event.clientY - frame.top) / frame.height
      : (event.clientX - frame.left) / frame.width;
    show(100 * share);
  });
  box.addEventListener("pointerleave", hide);
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", figure.querySelector("figcaption")?.textContent ?? "Requests over time");
  box.addEventListener("focus", () => {
    readout.setAttribute("role", "status");
    // A click focuses, too, and has just shown what it points at.
    if (box.matches(":focus-visible")) show(percent);
  });
  box.addEventListener("blur", () => {
    readout.removeAttribute("role");
    hide();
  });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(stepped(data, percent, step));
  });
  hide();
}

// The next thing to read: a level, a request, or a little further along a distribution.
function stepped(data, percent, step) {
  if (data.reading === "rows") {
    const count = data.rows.length;
    const row = Math.floor((percent / data.end) * count) + step;
    return ((Math.min(count - 1, Math.max(0, row)) + 0.5) / count) * data.end;
  }
  if (data.reading === "nearest") {
    const { at, values } = readNearest(data, percent);
    return place(data.x, values[Math.min(values.length - 1, Math.max(0, at + step))]);
  }
  return Math.min(data.x.end, Math.max(data.x.start, percent + step));
}

// ---- A run under way ----

function setUpPolling(part) {
  let failures = 0;
  const ask = async () => {
    try {
      const answer = await fetch(part.dataset.poll, { cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = fresh.querySelector("[data-poll]") ?? fresh.querySelector("#live-end");
      if (!next) throw new Error(`status ${answer.status}`);
      failures = 0;
      part.replaceChildren(...next.childNodes);
      if (next.id === "live-end") return finish(fresh);
    } catch {
      failures += 1;
      const status = document.getElementById("live-status");
      if (failures === 3 && status) status.textContent = "The server of this page does not answer; trying again.";
    }
    // Hidden pages ask less often; browsers slow their timers down as well.
    window.setTimeout(ask, POLL_MS * (document.hidden ? 5 : Math.min(failures + 1, 5)));
    return undefined;
  };
  const finish = (fresh) => {
    document.title = fresh.title;
    const status = document.getElementById("live-status");
    status.textContent = part.textContent.trim().split("\n")[0];
  };
  window.setTimeout(ask, POLL_MS);
}

document.querySelectorAll("[data-graph]").forEach(setUpGraph);
document.addEventListener("weighbridge:replaced", ({ target }) => {
  target.querySelectorAll("[data-graph]").forEach(setUpGraph);
});
document.querySelectorAll("[data-poll]").forEach(setUpPolling);
