// The page of a rater. What models wrote arrives as trees of texts and a few tags without
// attributes, and becomes elements and text nodes: no HTML is ever parsed here.

const TAGS = new Set([
  "p", "h3", "h4", "h5", "pre", "code", "strong", "em", "del", "ul", "ol", "li", "blockquote",
  "table", "tr", "th", "td", "hr", "br",
]);
// So long a vote is not taken: a second press of a key was meant for the ballot before.
const SETTLE_MS = 350;
const KEYS = { 1: "a", 2: "b", 3: "tie", 4: "both_bad" };
const by = (id) => document.getElementById(id);
const base = window.location.pathname.replace(/\/+$/, "");
let current = null;
let shownAt = 0;
let busy = false;

function built(node) {
  if (typeof node === "string") return document.createTextNode(node);
  const [tag, ...children] = node;
  const element = document.createElement(TAGS.has(tag) ? tag : "span");
  element.append(...children.map(built));
  return element;
}

function fill(place, nodes) {
  place.replaceChildren(...nodes.map(built));
  place.scrollTop = 0;
}

function turn(said) {
  const box = document.createElement("div");
  const role = document.createElement("p");
  const text = document.createElement("div");
  role.className = "rate-role";
  role.textContent = said.role;
  text.className = "rate-text";
  fill(text, said.text);
  box.append(role, text);
  return box;
}

function show(ballot) {
  current = ballot;
  const open = Boolean(ballot.ballot);
  by("ballot").hidden = !open;
  by("votes").hidden = !open;
  by("undo").hidden = ballot.done === 0 || ballot.closed;
  by("count").textContent = `${ballot.done} of ${ballot.total}`;
  by("progress").max = Math.max(ballot.total, 1);
  by("progress").value = ballot.done;
  by("before").replaceChildren(...ballot.before.map(turn));
  fill(by("prompt"), ballot.prompt);
  fill(by("left"), ballot.left);
  fill(by("right"), ballot.right);
  by("reason").value = ballot.reason;
  for (const button of document.querySelectorAll("[data-winner]")) {
    button.setAttribute("aria-pressed", String(button.dataset.winner === ballot.chosen));
  }
  if (ballot.closed) say("This rating is closed. Thank you.");
  else if (!open) say("That was all. Thank you: your ballots are kept.");
  else {
    say("");
    window.scrollTo(0, 0);
  }
  shownAt = performance.now();
}

function say(sentence) {
  by("status").textContent = sentence;
}

async function send(what, body) {
  if (busy) return;
  busy = true;
  try {
    const answer = await fetch(`${base}/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-weighbridge-ui": "rate" },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    if (told.next) show(told.next);
    // What was written of a ballot that another tab has given is not lost without a word.
    const unsent = answer.status === 409 && body.reason?.trim();
    const more = unsent ? ` You had written: ${unsent}` : "";
    if (told.sentence) say(told.sentence + more);
  } catch {
    say("The server does not answer. Nothing was lost: try again.");
  }
  busy = false;
}

function vote(winner) {
  if (!current?.ballot || performance.now() - shownAt < SETTLE_MS) return;
  send("vote", { ballot: current.ballot, winner, reason: by("reason").value });
}

function undo() {
  if (!by("undo").hidden) send("undo", {});
}

by("votes").addEventListener("click", (event) => {
  const button = event.target.closest("[data-winner]");
  if (button) vote(button.dataset.winner);
});
by("votes").addEventListener("submit", (event) => event.preventDefault());
by("undo").addEventListener("click", undo);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target === by("reason")) {
    if (event.key === "Escape") by("reason").blur();
    return;
  }
  if (KEYS[event.key]) vote(KEYS[event.key]);
  else if (event.key === "u") undo();
});
show(JSON.parse(by("first").textContent));
