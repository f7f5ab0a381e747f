"""Configurations as YAML."""

from __future__ import annotations

from collections.abc import Sequence

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


def write_config(config: RouterConfig, comment: str, route_comments: Sequence[str] = ()) -> str:
    """The configuration as YAML, each line of ``comment`` above it.

    Args:
        config: what to write.
        comment: above everything.
        route_comments: what each route rests on, written above it; empty for nothing.
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
    return "\n".join([*lines, _with_route_comments(body, route_comments)])


def _commented(text: str, indent: str = "") -> list[str]:
    """Lines of a comment; what YAML would not read even there is left out."""
    return [
        f"{indent}# {''.join(letter for letter in line if letter.isprintable())}".rstrip()
        for line in text.splitlines()
    ]


def _with_route_comments(body: str, comments: Sequence[str]) -> str:
    """Each comment above its route: routes are the list items under the key ``routes``."""
    rest = iter(comments)
    lines, inside = [], False
    for line in body.splitlines():
        if line and not line.startswith((" ", "-")):
            inside = line == "routes:"
        elif inside and line.startswith("- "):
            lines += _commented(next(rest, ""))
        lines.append(line)
    return "\n".join([*lines, ""])
