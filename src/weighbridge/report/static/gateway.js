// The page of a running gateway: it brings itself up to date every second, and its buttons start
// and stop engines. The page reads fully without it.

import { act, follow, updateChildren } from "/static/live.js";

const POLL_MS = 1000;
const IDLE_MS = 3000;
const part = document.getElementById("gateway");
const status = document.getElementById("live-status");
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

function say(sentence) {
  status.textContent = sentence;
}

document.getElementById("snapshot").remove();
part.dataset.active = "";
const ask = follow(part, part.dataset.gateway, {
  show,
  say,
  pauseMs: () => (part.dataset.state === "running" ? POLL_MS : IDLE_MS),
});

part.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-act]");
  if (!button) return;
  await act(button, { say, title: button.getAttribute("aria-label") });
  ask();
});
