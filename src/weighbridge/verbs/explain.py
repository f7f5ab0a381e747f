"""``weigh serve --explain``: which route a request would take and why, without sending it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.errors import InputError
from weighbridge.core.gateway import COMPLETIONS, Asked, Choice, Grant, ModelView
from weighbridge.core.http import Headers
from weighbridge.core.routing import KeyEntry, RouterConfig
from weighbridge.serve.asked import read_asked
from weighbridge.serve.config import canonical_names
from weighbridge.serve.routing.classifier import load_route
from weighbridge.serve.routing.learned import LearnedRoute
from weighbridge.serve.routing.policy import RoutePolicy, RouteVerdict

CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision that was not carried out.

    Attributes:
        asked: what routing read off the request.
        grant: who would ask.
        choice: the models to try, in order, and why.
        task: recognised in the message, if any.
        language: of the message, if it was recognised.
        routes: what each route says.
        assumed: what is taken for granted of the models, which are not looked at.
    """

    asked: Asked
    grant: Grant
    choice: Choice
    task: str | None
    language: str | None
    routes: tuple[RouteVerdict, ...]
    assumed: str


def explain(
    config: RouterConfig,
    body: bytes,
    *,
    path: str = CHAT,
    headers: Iterable[tuple[str, str]] = (),
    key_name: str | None = None,
    learned: LearnedRoute | None = None,
) -> Explained:
    """What the gateway would decide on a request just after it has started.

    Args:
        config: as :func:`read_config` gives it.
        body: the request's.
        path: the endpoint asked.
        headers: names and values.
        key_name: whose request it is; nobody's in particular where nothing is said.
        learned: the learned route, where there is one.

    Raises:
        InputError: the request cannot be read, or there is no such key or path.
    """
    if path not in COMPLETIONS:
        raise InputError(
            f"{path!r} is no path that goes to models.", fix=f"Known: {', '.join(COMPLETIONS)}."
        )
    asked = read_asked(path, _headers(headers), body)
    grant = grant_of(config, key_name)
    policy = RoutePolicy(config, learned)
    found = policy.explain(asked, grant, fresh_views(config))
    return Explained(asked, grant, found.choice, found.task, found.language, found.routes, _ASSUMED)


_ASSUMED = (
    "Models are taken as they are just after a start: servers of others and preloaded engines are "
    "ready, all other engines stopped, nothing waits, and no answer was timed yet."
)


def grant_of(config: RouterConfig, name: str | None) -> Grant:
    """What the key called ``name`` allows.

    Raises:
        InputError: there is no such key.
    """
    if name is None:
        return Grant()
    entries = {key.name: key for key in config.keys if isinstance(key, KeyEntry)}
    entry = entries.get(name)
    if entry is None:
        near = difflib.get_close_matches(name, entries, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else _known(entries)
        raise InputError(f"No key is called {name!r}.", fix=hint)
    names = canonical_names(config)
    models = None if entry.models is None else frozenset(names[model] for model in entry.models)
    return Grant(entry.name, entry.tier, models, entry.admin, entry.budget is not None)


def fresh_views(config: RouterConfig) -> dict[str, ModelView]:
    """Every model as it is just after the gateway has started."""
    return {
        name: ModelView(
            name,
            "ready" if entry.urls or entry.preload else "stopped",
            replicas=(max(1, len(entry.urls)),) * 2,
            is_ours=not entry.urls,
        )
        for name, entry in config.models.items()
    }


def learned_route(config: RouterConfig, folder: Path) -> LearnedRoute | None:
    """The learned route that the configuration in ``folder`` names, if it does.

    Raises:
        InputError: it cannot be read.
    """
    file = config.signals.learned
    return None if file is None else load_route(folder / file)


def to_json(explained: Explained) -> dict[str, Any]:
    """The explanation with documented keys; the message itself is left out."""
    asked = msgspec.to_builtins(explained.asked, builtin_types=(bytes,))
    for key in ("headers", "message", "prefix", "is_plain"):
        del asked[key]
    return {
        "use": list(explained.choice.use),
        "why": explained.choice.why,
        "route": explained.choice.route,
        "request": asked,
        "task": explained.task,
        "language": explained.language,
        "key": explained.grant.key or None,
        "routes": msgspec.to_builtins(explained.routes),
        "assumed": explained.assumed,
    }


def _headers(headers: Iterable[tuple[str, str]]) -> Headers:
    return tuple((_bytes(name.lower()), _bytes(value)) for name, value in headers)


def _bytes(text: str) -> bytes:
    return text.strip().encode("latin-1", "replace")


def _known(entries: Mapping[str, KeyEntry]) -> str:
    return f"Keys: {', '.join(entries)}." if entries else "The configuration has no keys."
