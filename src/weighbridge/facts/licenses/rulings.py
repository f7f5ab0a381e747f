"""What a licence's clauses say on each intent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from weighbridge.core.units import format_count
from weighbridge.facts.licenses.clauses import License, Permission, Threshold
from weighbridge.facts.licenses.intents import Intents

Finding = tuple[Permission, str]
Ruling = Callable[[License, Intents, bool | None], Iterator[Finding]]


def _commercial(terms: License, intents: Intents, _: bool | None = None) -> Iterator[Finding]:
    for excluded in terms.businesses:
        yield "conditional", excluded.words + _exempt(terms)
    yield from _use(terms, intents)


def _use(terms: License, intents: Intents) -> Iterator[Finding]:
    """What every commercial use must heed, whatever the business."""
    if terms.commercial == "no":
        yield "no", terms.notes or "Commercial use is not allowed."
        return
    if terms.commercial == "conditional" and not terms.thresholds + terms.businesses:
        yield "conditional", terms.notes
    for threshold in terms.thresholds:
        if not threshold.business:
            yield from _threshold(threshold, intents)
    yield from _marks(terms)
    yield from _use_policy(terms)


def _internal(terms: License, intents: Intents, _: bool | None) -> Iterator[Finding]:
    if terms.commercial == "no":
        yield "conditional", "Only for purposes that are not commercial."
    elif terms.internal_use_exempt:
        yield "yes", "Use inside your own organisation is free of the conditions."
    else:
        yield from _commercial(terms, intents)


def _eu(terms: License, _: Intents, multimodal: bool | None) -> Iterator[Finding]:
    for territory in terms.territories:
        concerned = True if territory.scope == "all" else multimodal
        if concerned is None:
            yield "conditional", territory.words
        elif concerned:
            yield "no", territory.words
    if not terms.territories:
        yield "yes", "No territory is left out."
    elif multimodal is False and all(t.scope == "multimodal" for t in terms.territories):
        yield "yes", "The territory left out concerns the multimodal models only."


def _maas(terms: License, intents: Intents, _: bool | None) -> Iterator[Finding]:
    if terms.service:
        yield "conditional", terms.service
    yield from _business(terms, intents, "maas")


def _assistant(terms: License, intents: Intents, _: bool | None) -> Iterator[Finding]:
    yield from _business(terms, intents, "assistant")


def _business(terms: License, intents: Intents, business: str) -> Iterator[Finding]:
    barred = [excluded for excluded in terms.businesses if excluded.who == business]
    if barred:
        yield from (("no", excluded.words) for excluded in barred)
        return
    for threshold in terms.thresholds:
        if threshold.business == business:
            yield from _threshold(threshold, intents)
    yield from _use(terms, intents)


def _finetune(terms: License, _: Intents, __: bool | None) -> Iterator[Finding]:
    yield from _non_commercial(terms)
    if terms.derivatives:
        yield "conditional", terms.derivatives
    if terms.name_prefix:
        yield "conditional", _prefix(terms)
    yield from _use_policy(terms)


def _redistribute(terms: License, _: Intents, __: bool | None) -> Iterator[Finding]:
    yield from _non_commercial(terms)
    yield from _marks(terms)
    if terms.name_prefix:
        yield "conditional", _prefix(terms)
    if terms.derivatives:
        yield "conditional", terms.derivatives
    if terms.use_policy == "passed on":
        yield "conditional", "Its list of forbidden uses must be passed on as a binding term."


def _distill(terms: License, _: Intents, __: bool | None) -> Iterator[Finding]:
    words = terms.outputs_words
    if terms.outputs == "unknown":
        words = words or "What it says about training on outputs has not been read."
    yield terms.outputs, words or "Outputs may train other models."
    if terms.outputs != "no":
        yield from _non_commercial(terms)


RULINGS: dict[str, Ruling] = {
    "commercial": _commercial,
    "internal": _internal,
    "eu": _eu,
    "maas": _maas,
    "assistant": _assistant,
    "finetune": _finetune,
    "redistribute": _redistribute,
    "distill": _distill,
}


def _threshold(threshold: Threshold, intents: Intents) -> Iterator[Finding]:
    """Whether one threshold is passed; silent amounts make it a condition."""
    amount = _amount(threshold, intents)
    where = _above(threshold)
    if amount is None:
        yield "conditional", f"{where}, {threshold.words}."
    elif amount <= threshold.above:
        yield "yes", f"Below the threshold: {where[0].lower()}{where[1:]}, {threshold.words}."
    else:
        over: Permission = "no" if threshold.effect == "licence" else "conditional"
        yield over, f"Over the threshold: {where[0].lower()}{where[1:]}, {threshold.words}."


def _amount(threshold: Threshold, intents: Intents) -> float | None:
    if threshold.metric == "monthly users":
        return intents.users
    if intents.revenue is None:
        return None
    return intents.revenue / 12 if threshold.metric == "monthly revenue" else intents.revenue


def _above(threshold: Threshold) -> str:
    count = format_count(threshold.above).replace(".00", "")
    if threshold.metric == "monthly users":
        return f"Above {count} users a month"
    period = "month" if threshold.metric == "monthly revenue" else "year"
    return f"Above US${count} revenue a {period}"


def _marks(terms: License) -> Iterator[Finding]:
    for mark in terms.marks:
        yield "conditional", f"Show {mark!r}."


def _use_policy(terms: License) -> Iterator[Finding]:
    if terms.use_policy == "binds you":
        yield "conditional", "A list of forbidden uses binds you."
    elif terms.use_policy == "passed on":
        yield (
            "conditional",
            "A list of forbidden uses binds you, and must bind those you pass the model on to.",
        )


def _non_commercial(terms: License) -> Iterator[Finding]:
    if terms.commercial == "no":
        yield "conditional", "Only for purposes that are not commercial."


def _prefix(terms: License) -> str:
    return f"The name of a derived model must start with {terms.name_prefix!r}."


def _exempt(terms: License) -> str:
    return " Use inside your own organisation is exempt." if terms.internal_use_exempt else ""


def unconditional(terms: License) -> str:
    """What is to be said when no clause objects."""
    return "Keep the licence and notices with copies." if terms.notices else "Nothing is asked."
