"""The gateway's configuration, as written in ``router.config.yaml``."""

from __future__ import annotations

import re

import msgspec

_LETTER = r"[^\W\d_]"
# Signs calculate only after a number: not in "29-year-old", "C++", "and/or" or a list's bullets.
_OPERATOR = r"(?:(?<=\d)|(?<=\d ))[-+*/=\u00d7\u00f7\u2212]"
_WORD = re.compile(rf"{_LETTER}+|{_OPERATOR}(?!{_LETTER})")


def words(text: str) -> frozenset[str]:
    """The words of a message, and its operators after a number: by these a task is recognised."""
    return frozenset(_WORD.findall(text.casefold()))


class ModelEntry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A model to route to: an engine started from ``source``, or a server at ``url``.

    Attributes:
        engine: ``llamacpp-embedded``.
        source: model file, absolute or relative to the configuration file.
        url: OpenAI-compatible address of a server that somebody else runs.
        model: the model's name at that server, when it differs from the name here.
        key_env: environment variable that holds the bearer token for ``url``, if it wants one.
        context: tokens of context per request slot (engines only).
        slots: requests that the engine serves at once (engines only).
    """

    engine: str | None = None
    source: str | None = None
    url: str | None = None
    model: str | None = None
    key_env: str | None = None
    context: int = 512
    slots: int = 4


class TaskSignal(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How one task is recognised: words in the last user message that speak for it."""

    keywords: tuple[str, ...]


class Signals(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is read off a request before a route is chosen."""

    task: dict[str, TaskSignal] = {}


class Condition(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """When a route applies; an empty condition always does."""

    task: str | None = None


class Route(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Models to use, the first that can serve, when the condition holds."""

    use: tuple[str, ...]
    when: Condition = Condition()


class RouterConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What ``weigh serve`` executes. Routes are tried in order; the first that applies decides."""

    models: dict[str, ModelEntry]
    routes: tuple[Route, ...]
    listen: str = "127.0.0.1:8080"
    signals: Signals = Signals()
