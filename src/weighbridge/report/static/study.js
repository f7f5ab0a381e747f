// The page of a study: it brings itself up to date while something runs, and its buttons run
// stages, stop them, keep the file and start the gateway. The page reads fully without it.

import { updateChildren } from "/static/live.js";

const BUSY_MS = 1000;
const IDLE_MS = 5000;
const part = document.getElementById("study");
const status = document.getElementById("live-status");
let timer = 0;
let asking = false;
let failures = 0;

function say(sentence) {
  status.textContent = sentence;
}

// What needs scripts is shown, and what stands for it without them is taken away.
function scripted(part) {
  part.querySelectorAll("[data-scripted]").forEach((one) => one.removeAttribute("hidden"));
  part.querySelectorAll("[data-unscripted]").forEach((one) => one.remove());
}

function show(fresh) {
  scripted(fresh);
  document.title = fresh.dataset.title;
  part.dataset.state = fresh.dataset.state;
  // What somebody unfolded stays unfolded, and what they write is theirs until it is kept.
  const open = new Set([...part.querySelectorAll("details[open]")].map((one) => one.id));
  for (const one of fresh.querySelectorAll("details")) one.toggleAttribute("open", open.has(one.id));
  updateChildren(part, fresh);
}

async function ask() {
  window.clearTimeout(timer);
  if (asking || !part) return;
  asking = true;
  try {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("study");
    if (!fresh) throw new Error(`status ${answer.status}`);
    if (failures >= 3) say("");
    failures = 0;
    show(fresh);
  } catch {
    failures += 1;
    if (failures === 3) say("The server of these pages does not answer; trying again.");
  }
  asking = false;
  const pause = part.dataset.state === "busy" ? BUSY_MS : IDLE_MS;
  timer = window.setTimeout(ask, pause * (document.hidden ? 5 : Math.min(failures + 1, 5)));
}

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "x-weighbridge-ui": "act", "content-type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  return answer.headers.get("content-type")?.startsWith("application/json")
    ? await answer.json()
    : { sentence: `The server refused it with status ${answer.status}.` };
}

async function act(button, body) {
  if (button.hasAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  say(`${button.textContent.trim()}\u2026`);
  try {
    const said = await post(button.dataset.act, body);
    say(said.sentence);
    if (said.address) location.assign(said.address);
  } catch {
    say("The server of these pages did not answer; reload the page.");
  }
  button.removeAttribute("aria-disabled");
  ask();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (!button || button.type === "submit") return;
  act(button, button.dataset.body ? JSON.parse(button.dataset.body) : {});
});

// Forms say what their fields hold; several values of a name are a list.
document.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button[data-act]");
  if (!button) return;
  event.preventDefault();
  const fields = new FormData(event.target);
  const body = {};
  for (const name of new Set(fields.keys())) {
    const many = event.target.querySelector(`[name="${CSS.escape(name)}"][data-many]`);
    body[name] = many ? fields.getAll(name) : fields.get(name);
  }
  act(button, body);
});

scripted(document);
if (part) {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ask();
  });
  timer = window.setTimeout(ask, part.dataset.state === "busy" ? BUSY_MS : IDLE_MS);
}
