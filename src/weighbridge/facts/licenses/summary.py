"""A licence in one line, and as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.core.units import format_count
from weighbridge.facts.licenses.clauses import NOT_LEGAL_ADVICE, License, Threshold

_COMMERCIAL = {
    "yes": "commercial use allowed",
    "no": "no commercial use",
    "conditional": "commercial use for some only",
    "unknown": "blocked until read",
}
_METRICS = {
    "monthly users": "{} users a month",
    "monthly revenue": "US${} revenue a month",
    "yearly revenue": "US${} revenue a year",
}
_EFFECTS = {"licence": "separate licence", "display": "name to be shown", "review": "review"}


def summarise(terms: License) -> str:
    """The clauses that matter most, in one line.

    >>> from weighbridge.facts.licenses.read import recognise
    >>> summarise(recognise("llama3"))[:59]
    'commercial use allowed; separate licence above 700M users a'
    """
    parts = [_COMMERCIAL[terms.commercial]]
    parts += dict.fromkeys(map(_threshold, terms.thresholds))
    parts += [f"no rights in the {one.who}{_scope(one.scope)}" for one in terms.territories]
    if terms.businesses:
        parts.append("not for " + ", ".join(one.who for one in terms.businesses))
    parts += [f"show {mark!r}" for mark in terms.marks]
    if terms.name_prefix:
        parts.append(f"derived names start with {terms.name_prefix!r}")
    if terms.use_policy == "passed on":
        parts.append("forbidden uses, to be passed on")
    elif terms.use_policy == "binds you":
        parts.append("forbidden uses")
    if terms.derivatives:
        parts.append("terms for what is passed on")
    if terms.service:
        parts.append("terms for services")
    if terms.outputs == "no":
        parts.append("outputs may not train others")
    if terms.evidence == "secondary":
        parts.append("known from reports only")
    return "; ".join(parts)


def clauses_to_json(terms: License) -> dict[str, Any]:
    """Every clause, as documented in docs/licenses.md."""
    document: dict[str, Any] = msgspec.to_builtins(terms)
    for key in ("aliases", "links", "models"):
        del document[key]
    return document | {"summary": summarise(terms), "note": NOT_LEGAL_ADVICE}


def _threshold(threshold: Threshold) -> str:
    size = _METRICS[threshold.metric].format(format_count(threshold.above).replace(".00", ""))
    whose = " as a service" if threshold.business == "maas" else ""
    return f"{_EFFECTS[threshold.effect]} above {size}{whose}"


def _scope(scope: str) -> str:
    return "" if scope == "all" else f" for {scope} models"
