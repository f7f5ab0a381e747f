// The page of a running gateway: it brings itself up to date every second, and its buttons start
// and stop engines. The page reads fully without it.

const POLL_MS = 1000;
const IDLE_MS = 3000;
const part = document.getElementById("gateway");
const status = document.getElementById("live-status");
let timer = 0;
let asking = false;

// ---- Changing what differs and nothing else: what is focused, selected or pressed stays ----

const keyOf = (node) => node.dataset?.key;
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function copyAttributes(from, to) {
  for (const { name } of [...to.attributes]) {
    if (!from.hasAttribute(name)) to.removeAttribute(name);
  }
  for (const { name, value } of [...from.attributes]) {
    if (to.getAttribute(name) !== value) to.setAttribute(name, value);
  }
}

function update(node, fresh) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== fresh.data) node.data = fresh.data;
    return;
  }
  // Beside a button that waits for its answer nothing changes: a second click would hit another.
  if (node.querySelector(":scope > [aria-disabled]")) return;
  copyAttributes(fresh, node);
  updateChildren(node, fresh);
}

// Keyed children keep their nodes wherever they move; others are matched by their place.
function updateChildren(node, fresh) {
  const keyed = new Map([...node.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let at = node.firstChild;
  for (const next of [...fresh.childNodes]) {
    const known = keyOf(next) ? keyed.get(keyOf(next)) : undefined;
    if (known && known !== at && alike(known, next)) node.insertBefore(known, at);
    else if (!at || !alike(at, next)) {
      node.insertBefore(document.importNode(next, true), at);
      continue;
    }
    const kept = known && alike(known, next) ? known : at;
    at = kept.nextSibling;
    update(kept, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

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
