// Changing what differs in a part of a page and nothing else: what is focused, selected or pressed
// stays. Children with `data-key` keep their nodes wherever they move.

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
