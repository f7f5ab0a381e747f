// The page of a study: it brings itself up to date while something runs, and its buttons run
// stages, stop them, keep the file and start the gateway. The page reads fully without it.

import { act, follow, updateChildren } from "/static/live.js";

const BUSY_MS = 1000;
const IDLE_MS = 5000;
const part = document.getElementById("study");
const status = document.getElementById("live-status");

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

scripted(document);
const ask = part
  ? follow(part, location.pathname, {
      show,
      say,
      pauseMs: () => (part.dataset.state === "busy" ? BUSY_MS : IDLE_MS),
    })
  : () => {};

async function press(button, body) {
  await act(button, { say, title: button.textContent.trim(), body });
  ask();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (!button || button.type === "submit") return;
  press(button, button.dataset.body ? JSON.parse(button.dataset.body) : {});
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
  press(button, body);
});
