"""Configurations as YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import yaml

from weighbridge.core.routing import RouterConfig

# In the order in which a reader asks: where, who, what with, how told apart, where to.
_ORDER = (
    "listen", "admin", "tls", "workers", "keys", "budgets", "ledger", "machine", "models",
    "signals", "routes", "fallbacks", "context_window_fallbacks", "capture", "limits",
    "log", "traces",
)  # fmt: skip
_ALWAYS = ("listen", "models", "signals", "routes")
_NO_COMMENTS: Mapping[str, str] = {}


def write_config(
    config: RouterConfig,
    comment: str,
    route_comments: Sequence[str] = (),
    model_comments: Mapping[str, str] = _NO_COMMENTS,
) -> str:
    """The configuration as YAML, each line of ``comment`` above it.

    Args:
        config: what to write.
        comment: above everything.
        route_comments: what each route rests on, written above it; empty for nothing.
        model_comments: model → what is to be known of it, written above it.
    """
    lines = _commented(comment)
    default = RouterConfig(models={})
    document = msgspec.to_builtins(config)
    for route in document["routes"]:
        if not route["when"]:
            del route["when"]
        if route.get("prefer") == "order":
            del route["prefer"]
    said = [
        key for key in _ORDER if key in _ALWAYS or getattr(config, key) != getattr(default, key)
    ]
    body = yaml.safe_dump(
        {key: document[key] for key in said},
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )
    above = {
        "models:": ("  ", [model_comments.get(name, "") for name in config.models]),
        "routes:": ("", route_comments),
    }
    return "\n".join([*lines, _with_comments(body, above)])


def _commented(text: str, indent: str = "") -> list[str]:
    """Lines of a comment; what YAML would not read even there is left out."""
    return [
        f"{indent}# {''.join(letter for letter in line if letter.isprintable())}".rstrip()
        for line in text.splitlines()
    ]


def _with_comments(body: str, above: Mapping[str, tuple[str, Sequence[str]]]) -> str:
    """Each comment above its entry.

    Args:
        body: the document.
        above: by the line that opens a part: how its entries are indented, and their comments.
    """
    lines: list[str] = []
    indent, inside = "", False
    rest: Iterator[str] = iter(())
    for line in body.splitlines():
        if line and not line.startswith((" ", "-")):
            inside = line in above
            indent, comments = above.get(line, ("", ()))
            rest = iter(comments)
        elif inside and _begins(line, indent):
            lines += _commented(next(rest, ""), indent)
        lines.append(line)
    return "\n".join([*lines, ""])


def _begins(line: str, indent: str) -> bool:
    """Whether a line opens an item of a list, or an entry of a mapping at this indentation."""
    if not indent:
        return line.startswith("- ")
    # A colon opens the value of a key that is too long for one line.
    return line.startswith(indent) and line[len(indent) :][:1] not in ("", " ", ":", "-")
