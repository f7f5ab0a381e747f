"""Finding the licence that a checkpoint states."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.facts.licenses.clauses import License, unread

_DATA = Path(__file__).with_name("catalogue.toml")
_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)*|\+\+")  # two plus signs tell openrail++ from openrail
_NOISE = frozenset(
    ["license", "licence", "licenses", "licenseref", "scancode", "agreement", "the", "v", "version"]
)
# What the Hub's form offers to those whose licence is not in its list.
_OTHER = frozenset(["", "other", "unknown", "custom", "none"])
# What a variant does not share with its table: it says of itself how it is recognised.
_OWN = ("aliases", "links", "models")


@dataclass(frozen=True, slots=True)
class Statement:
    """How a checkpoint states its licence.

    Attributes:
        license: the model card's ``license``, or GGUF's ``general.license``.
        name: ``license_name``, filled in when ``license`` is "other".
        link: ``license_link``.
        model: the Hub id, which tells texts of one name apart.
    """

    license: str = ""
    name: str = ""
    link: str = ""
    model: str = ""


def from_card(card: Mapping[str, Any], model: str = "") -> Statement:
    """The statement in a model card's metadata; several licences are kept as one text."""
    stated = card.get("license") or ""
    if isinstance(stated, list):
        stated = " and ".join(str(one) for one in stated)
    return Statement(
        str(stated), str(card.get("license_name") or ""), str(card.get("license_link") or ""), model
    )


def recognise(statement: Statement | str, *, model: str = "") -> License:
    """The licence that is meant; one that blocks everything where nobody has read it for us.

    >>> recognise("Apache License, Version 2.0").id
    'apache-2.0'
    >>> recognise(Statement("other", name="kimi-k3")).id
    'kimi-k3'
    >>> recognise("my-own-license").read
    False
    """
    if isinstance(statement, str):
        statement = Statement(statement, model=model)
    stated = [text for text in (statement.license, statement.name) if _key(text) not in _OTHER]
    found = [_lookup(text, statement.model) for text in stated]
    meant = {terms.id for terms in found if terms}
    if len(meant) == 1 and (found[0] or _key(statement.license) in _OTHER):
        return catalogue()[meant.pop()]
    linked = None if meant or stated else _by_link(statement.link)
    return linked or unread(" / ".join(stated) or statement.license)


@cache
def catalogue() -> Mapping[str, License]:
    """Every licence that we know by name, by its id."""
    tables = tomllib.loads(_DATA.read_text(encoding="utf-8"))["license"]
    known = [terms for table in tables for terms in _expanded(table)]
    return {terms.id: terms for terms in known}


def _expanded(table: dict[str, Any]) -> Iterable[License]:
    """A table's own licence and its variants."""
    variants = table.pop("variants", [])
    yield msgspec.convert(table, License)
    shared = {key: value for key, value in table.items() if key not in _OWN}
    for variant in variants:
        yield msgspec.convert(shared | variant, License)


def _key(text: str) -> str:
    """What is left of a statement without case, punctuation and words that all licences have.

    >>> _key("LicenseRef-Llama-3.0 Community Licence") == _key("llama3 community")
    True
    """
    words = [word for word in _WORD.findall(text.lower()) if word not in _NOISE]
    return " ".join(re.sub(r"(\.0)+$", "", word) for word in words)


@cache
def _index() -> Mapping[str, tuple[License, ...]]:
    """Licences by the key of every way to state them; the one whose id it is comes first."""
    index: dict[str, tuple[License, ...]] = {}
    for terms in catalogue().values():
        names = (terms.reference, terms.name, *terms.aliases)
        for key in dict.fromkeys([_key(terms.id), *map(_key, names)]):
            own = key == _key(terms.id)
            known = index.get(key, ())
            index[key] = (terms, *known) if own else (*known, terms)
    return index


def _lookup(text: str, model: str) -> License | None:
    """The licence of this name; where several share it, the one of this model."""
    sharing = _index().get(_key(text), ())
    if len(sharing) < 2:
        return sharing[0] if sharing else None
    reach = {terms.id: _reach(terms, model) for terms in sharing}
    best = max(sharing, key=lambda terms: reach[terms.id])
    if reach[best.id]:
        return best
    return sharing[0] if _key(sharing[0].id) == _key(text) else None


def _reach(terms: License, model: str) -> int:
    """How many letters of a model's id speak for this licence."""
    begins = [start for start in terms.models if model.lower().startswith(start.lower())]
    return max(map(len, begins), default=0)


def _by_link(link: str) -> License | None:
    address = link.lower()
    for terms in catalogue().values():
        if any(part in address for part in terms.links):
            return terms
    return None
