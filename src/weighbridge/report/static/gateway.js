// The page of a running gateway: it brings itself up to date every second, and its buttons start
// and stop engines. The page reads fully without it.

import { updateChildren } from "/static/live.js";

const POLL_MS = 1000;
const IDLE_MS = 3000;
const part = document.getElementById("gateway");
const status = document.getElementById("live-status");
let timer = 0;
let asking = false;

function show(fresh) {
  const focused = document.activeElement;
  const row = part.contains(focused) ? focused.closest("tr") : null;
  document.title = fresh.dataset.title;
  part.dataset.state = fresh.dataset.state;
  updateChildren(part, fresh);
  // A button that is gone leaves its row focused, so that the keyboard goes on from there.
  if (row?.isConnected && !focused.isConnected) {
    (row.querySelector("button") ?? row.querySelector("th")).focus({ preventScroll: true });
  }
}

// ---- Asking ----

let failures = 0;

async function ask() {
  window.clearTimeout(timer);
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch(part.dataset.gateway, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("gateway");
    if (!fresh) throw new Error(`status ${answer.status}`);
    if (failures >= 3) status.textContent = "";
    failures = 0;
    show(fresh);
  } catch {
    failures += 1;
    if (failures === 3) say("The server of these pages does not answer; trying again.");
  }
  asking = false;
  const pause = part.dataset.state === "running" ? POLL_MS : IDLE_MS;
  // Hidden pages ask less often; browsers slow their timers down as well.
  timer = window.setTimeout(ask, pause * (document.hidden ? 5 : Math.min(failures + 1, 5)));
}

function say(sentence) {
  status.textContent = sentence;
}

// ---- Acting ----

async function act(button) {
  if (button.hasAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  say(`${button.getAttribute("aria-label")}\u2026`);
  try {
    const answer = await fetch(button.dataset.act, {
      method: "POST",
      headers: { "x-weighbridge-ui": "act" },
    });
    say((await answer.json()).sentence);
  } catch {
    say("The server of these pages did not answer; look at the model's state.");
  }
  button.removeAttribute("aria-disabled");
  ask();
}

part.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (button) act(button);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) ask();
});
document.getElementById("snapshot").remove();
part.dataset.active = "";
timer = window.setTimeout(ask, POLL_MS);
