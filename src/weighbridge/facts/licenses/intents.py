"""What somebody means to do with a model."""

from __future__ import annotations

from weighbridge.core.constraints import Intents
from weighbridge.core.errors import InputError
from weighbridge.core.units import parse_count

__all__ = ["INTENTS", "Intents", "parse_intents"]

# Intent → what it asks.
INTENTS = {
    "commercial": "use it to earn money",
    "internal": "use it inside your own organisation only",
    "eu": "the licensee has its seat in the European Union",
    "maas": "offer the model itself to others as a service",
    "assistant": "sell an assistant for work or coding built on it",
    "finetune": "train it further and use the result",
    "redistribute": "pass on the weights, changed or not",
    "distill": "train other models on its outputs",
}
_AMOUNTS = ("users", "revenue")
_EXAMPLE = "Write for example commercial,eu,maas,users=5M,revenue=20M."


def parse_intents(text: str) -> Intents:
    """Comma-separated intents, ``users=`` per month and ``revenue=`` in US dollars per year.

    >>> parse_intents("eu,users=5M")
    Intents(names=('commercial', 'eu'), users=5000000, revenue=None)

    Raises:
        InputError: one of them is not known, or an amount is no number.
    """
    names: list[str] = []
    amounts: dict[str, int] = {}
    for word in (part.strip().lower() for part in text.split(",")):
        key, equals, value = word.partition("=")
        if equals and key in _AMOUNTS:
            amounts[key] = parse_count(value)
        elif word in INTENTS:
            names.append(word)
        elif not word:
            raise InputError(f"One of the intents in {text!r} is empty.", fix=_nearest(""))
        else:
            raise InputError(f"There is no intent {word!r}.", fix=_nearest(key))
    if amounts and not {"commercial", "maas", "assistant"} & set(names):
        # Users and revenue matter to commercial use alone.
        names.insert(0, "commercial")
    return Intents(tuple(dict.fromkeys(names)), amounts.get("users"), amounts.get("revenue"))


def _nearest(word: str) -> str:
    import difflib  # noqa: PLC0415 -- only for a slip of the finger

    near = difflib.get_close_matches(word, [*INTENTS, *_AMOUNTS], n=1)
    known = ", ".join([*INTENTS, *(f"{amount}=…" for amount in _AMOUNTS)])
    return f"Did you mean {near[0]!r}?" if near else f"Known are {known}. {_EXAMPLE}"
