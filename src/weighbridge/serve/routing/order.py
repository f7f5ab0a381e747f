"""In which order models are tried: by context, abilities, preference; failing ones last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.gateway import COMPLETIONS, Asked, ModelView
from weighbridge.core.routing import ModelEntry, Preference, RouterConfig

# Answers are taken to be this long where a request does not limit them, to compare prices.
_USUAL_OUTPUT: Final = 256
_UNASKED: Final = frozenset({"chat", "completions"})
_CHATS: Final = frozenset(path for path, kind in COMPLETIONS.items() if kind in _UNASKED)
_NOTHING: Final[frozenset[str]] = frozenset()
_WARMTH: Final = {
    "ready": 0,
    "waking": 1,
    "starting": 2,
    "asleep": 3,
    "sleeping": 4,
    "stopped": 5,
    "draining": 6,
    "stopping": 7,
    "failed": 8,
}


@dataclass(frozen=True, slots=True)
class Card:
    """What is fixed about a model.

    Attributes:
        name: the model's.
        context: tokens of a request's slot; None where the gateway does not know.
        can: abilities; empty where they are not known.
        prompt_usd: for a token; None where the model has no price that is known.
        output_usd: likewise.
        instead: what to ask when it cannot answer, and what to ask when that cannot either.
        roomier: what to ask when the prompt is too long for it.
    """

    name: str
    context: int | None
    can: frozenset[str]
    prompt_usd: float | None
    output_usd: float | None
    instead: tuple[str, ...]
    roomier: tuple[str, ...]


def cards(config: RouterConfig) -> dict[str, Card]:
    """The card of every model."""
    return {name: _card(name, entry, config) for name, entry in config.models.items()}


def _card(name: str, entry: ModelEntry, config: RouterConfig) -> Card:
    price = entry.price
    # An engine of one's own costs nothing more per token; a server of others might.
    unknown = None if entry.urls else 0.0
    return Card(
        name=name,
        context=entry.context,
        can=frozenset(entry.can),
        prompt_usd=unknown if price is None else price.prompt / 1e6,
        output_usd=unknown if price is None else price.output / 1e6,
        instead=_chain(name, config.fallbacks, config.models),
        roomier=_chain(name, config.context_window_fallbacks, config.models),
    )


def _chain(
    name: str, table: Mapping[str, Sequence[str]], known: Mapping[str, ModelEntry]
) -> tuple[str, ...]:
    """The fallbacks of a model, theirs after them, each once."""
    found: dict[str, None] = {}
    ahead = list(table.get(name, ()))
    while ahead:
        one = ahead.pop(0)
        if one != name and one not in found and one in known:
            found[one] = None
            ahead.extend(table.get(one, ()))
    return tuple(found)


def with_fallbacks(names: Iterable[str], known: Mapping[str, Card]) -> tuple[str, ...]:
    """The models and then what to ask instead of each, every one once."""
    listed = list(names)
    instead = (one for name in listed for one in known[name].instead)
    return tuple(dict.fromkeys((*listed, *instead)))


def fitting(names: Sequence[str], asked: Asked, known: Mapping[str, Card]) -> tuple[str, ...]:
    """Models with room for the prompt and the answer first, roomier ones in place of the others.

    The length is an estimate, so a model that seems too small stays as the last resort.
    """
    needed = asked.prompt_tokens + (asked.max_tokens or 0)
    for name in names:
        context = known[name].context
        if context is not None and needed > context:
            break
    else:
        return tuple(names)
    enough: dict[str, None] = {}
    for name in names:
        for one in (name, *known[name].roomier):
            if _has_room(known[one], needed):
                enough[one] = None
                break
    for one in (one for name in names for one in known[name].roomier):
        if _has_room(known[one], needed):
            enough[one] = None
    return tuple(dict.fromkeys((*enough, *names)))


def _has_room(card: Card, needed: int) -> bool:
    return card.context is None or needed <= card.context


def able(names: Sequence[str], asked: Asked, known: Mapping[str, Card]) -> tuple[str, ...]:
    """Without models that are known to be unable to; all of them where none would be left."""
    needed = _needed(asked)
    if not needed:
        return tuple(names)
    left = tuple(name for name in names if not known[name].can or needed <= known[name].can)
    return left or tuple(names)


def _needed(asked: Asked) -> frozenset[str]:
    """The abilities beyond chat that a request takes."""
    if asked.path in _CHATS and not (asked.tools or asked.json_schema or asked.images):
        return _NOTHING
    needed = []
    if asked.tools:
        needed.append("tools")
    if asked.json_schema:
        needed.append("json_schema")
    if asked.images:
        needed.append("images")
    kind = COMPLETIONS.get(asked.path, "chat")
    if kind not in _UNASKED:
        needed.append(kind)
    return frozenset(needed)


def preferred(
    names: Sequence[str],
    prefer: Preference,
    asked: Asked,
    views: Mapping[str, ModelView],
    known: Mapping[str, Card],
) -> tuple[str, ...]:
    """Models that are equally good, by what is preferred; as written where that is equal too."""
    match prefer:
        case "order":
            return tuple(names)
        case "warmest":
            return tuple(sorted(names, key=lambda name: _warmth(views.get(name))))
        case "fastest":
            return tuple(sorted(names, key=lambda name: _slowness(views.get(name))))
        case "cheapest":
            return tuple(sorted(names, key=lambda name: _cost(known[name], asked)))


def _warmth(view: ModelView | None) -> int:
    return _WARMTH["stopped"] if view is None else _WARMTH[view.state]


def _slowness(view: ModelView | None) -> tuple[bool, float, int]:
    """Ready ones first; one whose speed is not known yet is tried, else it never would be."""
    if view is None:
        return True, 0.0, 0
    return view.state != "ready", view.ttft_s or 0.0, view.in_flight + view.queued


def _cost(card: Card, asked: Asked) -> float:
    if card.prompt_usd is None or card.output_usd is None:
        return float("inf")
    output = _USUAL_OUTPUT if asked.max_tokens is None else asked.max_tokens
    return card.prompt_usd * asked.prompt_tokens + card.output_usd * output


def failing_last(names: tuple[str, ...], views: Mapping[str, ModelView]) -> tuple[str, ...]:
    """Models whose engine has failed, or none of whose servers is well, after the others."""
    bad = [name for name in names if _is_failing(views.get(name))]
    if not bad or len(bad) == len(names):
        return names
    return (*(name for name in names if name not in bad), *bad)


def _is_failing(view: ModelView | None) -> bool:
    """An engine of ours that is stopped does not fail: it is started when it is asked."""
    if view is None:
        return False
    return view.state == "failed" or not (view.is_ours or view.replicas[1])
