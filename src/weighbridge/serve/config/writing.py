"""Configurations as YAML."""

from __future__ import annotations

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


def write_config(config: RouterConfig, comment: str) -> str:
    """The configuration as YAML, each line of ``comment`` above it."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
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
    return "\n".join([*lines, body])
