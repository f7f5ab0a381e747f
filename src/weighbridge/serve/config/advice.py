"""What can be meant so, but most likely is not."""

from __future__ import annotations

from collections.abc import Iterator

from weighbridge.core.routing import Condition, KeyEntry, RouterConfig
from weighbridge.core.units import format_bytes, parse_size
from weighbridge.facts.host import host_memory_bytes
from weighbridge.serve.config.addresses import listens, parse_listen
from weighbridge.serve.config.names import LEARNED, names_of
from weighbridge.serve.config.resolved import memory_budget


def warnings(config: RouterConfig) -> tuple[str, ...]:
    """What whoever wrote ``config`` should know before serving it; it has no faults."""
    found = (_routes(config), _fallbacks(config), _clients(config), _engines(config))
    return tuple(sentence for sentences in found for sentence in sentences)


def _routes(config: RouterConfig) -> Iterator[str]:
    if not config.routes:
        yield (
            "`routes` is empty, so nothing answers the model `auto`; "
            "to have it answered, write `routes: [{use: [MODEL]}]`."
        )
        return
    last = next((n for n, route in enumerate(config.routes) if route.when == Condition()), None)
    if last is None:
        yield (
            "no route is without a condition, so `auto` refuses what no route applies to; "
            "end `routes` with `- {use: [MODEL]}`."
        )
    for number in range(len(config.routes) if last is None else last + 1, len(config.routes)):
        yield (
            f"routes[{number}] can never apply: routes[{last}], which stands before it, "
            "has no condition."
        )
    names = names_of(config)
    tiers = {key.tier for key in config.keys if isinstance(key, KeyEntry)}
    for number, route in enumerate(config.routes):
        asked, tier = route.when.model, route.when.tier
        if asked is not None and asked in names.models:
            yield (
                f"routes[{number}] can never apply: {asked!r} is a model, "
                "and who asks for a model by its name gets it."
            )
        if tier is not None and tier not in tiers:
            yield f"routes[{number}] can never apply: no key has the tier {tier!r}."
        used = [names.canonical(name) for name in route.use]
        if len(set(used)) < len(used):
            yield f"routes[{number}] uses a model twice; the second time is without effect."
        if route.prefer == "cheapest" and LEARNED not in used:
            dear = [name for name in dict.fromkeys(used) if config.models[name].price is None]
            if dear:
                yield f"routes[{number}] prefers the cheapest, and {_none_for(dear)} has a `price`."


def _fallbacks(config: RouterConfig) -> Iterator[str]:
    names = names_of(config)
    for key in ("fallbacks", "context_window_fallbacks"):
        used = [names.canonical(name) for name in getattr(config, key)]
        for name in sorted({name for name in used if used.count(name) > 1}):
            yield f"`{key}` has {name!r} under two of its names; both lists count, in order."


def _clients(config: RouterConfig) -> Iterator[str]:
    open_to_others = [text for text in listens(config) if not parse_listen(text).is_local]
    if open_to_others and config.tls is None:
        yield (
            f"{open_to_others[0]} is reached over the network without `tls`, so keys and prompts "
            "travel in clear text; where that is no trusted network, set `tls`, or put a proxy "
            "that ends https in front."
        )
    for number, key in enumerate(config.keys):
        if isinstance(key, str) and not key.startswith("${env."):
            yield (
                f"keys[{number}] is a token in clear text; `weigh keys new` makes one of which "
                "only a digest stands in the file."
            )
    inline = [key.budget for key in config.keys if isinstance(key, KeyEntry)]
    spent_from = {budget for budget in inline if isinstance(budget, str)}
    for name in config.budgets:
        if name not in spent_from:
            yield f"nobody spends from the budget {name!r}: no key names it."


def _none_for(names: list[str]) -> str:
    return f"{names[0]!r}" if len(names) == 1 else f"none of {', '.join(map(repr, names))}"


def _engines(config: RouterConfig) -> Iterator[str]:
    for name, entry in config.models.items():
        if entry.pinned and entry.ttl is not None:
            yield f"{name!r} is pinned and has a `ttl`: it is still stopped when it idles."
    lasting = {n: e.memory for n, e in config.models.items() if e.pinned or e.preload}
    known = {name: parse_size(memory) for name, memory in lasting.items() if memory is not None}
    device = host_memory_bytes() if config.machine.device == "cpu" else None
    budget = memory_budget(config.machine, device)
    for name, entry in config.models.items():
        if budget is not None and entry.memory is not None and parse_size(entry.memory) > budget:
            yield (
                f"{name!r} can never start: it takes {format_bytes(parse_size(entry.memory))}, and "
                f"engines may take {format_bytes(budget)} together."
            )
    if budget is not None and sum(known.values()) > budget:
        yield (
            f"{', '.join(map(repr, known))} are to be ready from the start and take "
            f"{format_bytes(sum(known.values()))} together; "
            f"engines may take {format_bytes(budget)}."
        )
