// Parts of pages that bring themselves up to date, and buttons that ask the server to act.

// ---- Changing what differs and nothing else: what is focused, selected or pressed stays ----
// Children with `data-key` keep their nodes wherever they move.

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
export function updateChildren(node, fresh) {
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

// ---- Asking again and again ----

// Fetches the page at `address` and hands the element with the id of `part` to `show`; `pauseMs` says
// how long to wait in between. Returns what asks at once.
export function follow(part, address, { show, say, pauseMs }) {
  let timer = 0;
  let asking = false;
  let failures = 0;
  const later = () => {
    // Hidden pages ask less often; browsers slow their timers down as well.
    const times = document.hidden ? 5 : Math.min(failures + 1, 5);
    timer = window.setTimeout(ask, pauseMs() * times);
  };
  async function ask() {
    window.clearTimeout(timer);
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(address, { cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (!fresh) throw new Error(`status ${answer.status}`);
      if (failures >= 3) say("");
      failures = 0;
      show(fresh);
    } catch {
      failures += 1;
      if (failures === 3) say("The server of these pages does not answer; trying again.");
    }
    asking = false;
    later();
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ask();
  });
  later();
  return ask;
}

// ---- Acting ----

// Posts what a button stands for, and says what came of it; until then it cannot be pressed again.
export async function act(button, { say, title, body }) {
  if (button.hasAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  say(`${title}\u2026`);
  try {
    const answer = await fetch(button.dataset.act, {
      method: "POST",
      headers: { "x-weighbridge-ui": "act", "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const said = await answer.json();
    say(said.sentence);
    if (said.address) location.assign(said.address);
  } catch {
    say("The server of these pages did not answer; reload the page.");
  }
  button.removeAttribute("aria-disabled");
}
