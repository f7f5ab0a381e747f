"""May I? The intents of a user, answered from a licence's clauses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weighbridge.facts.licenses.clauses import NOT_LEGAL_ADVICE, License, Permission
from weighbridge.facts.licenses.intents import INTENTS, Intents, parse_intents
from weighbridge.facts.licenses.rulings import RULINGS, unconditional

__all__ = ["INTENTS", "Answer", "Intents", "Reason", "answer", "parse_intents", "to_json"]

_SEVERITY: tuple[Permission, ...] = ("yes", "conditional", "unknown", "no")


@dataclass(frozen=True, slots=True)
class Reason:
    """One clause's say on one intent."""

    intent: str
    verdict: Permission
    words: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for all intents together: the severest of the reasons."""

    license: License
    reasons: tuple[Reason, ...]
    note: str = NOT_LEGAL_ADVICE

    @property
    def verdict(self) -> Permission:
        """no, else unknown, else conditional, else yes; unknown when nothing was asked."""
        verdicts = (reason.verdict for reason in self.reasons)
        return max(verdicts, key=_SEVERITY.index, default="unknown")

    def of(self, intent: str) -> Permission:
        """The verdict on one intent."""
        verdicts = [reason.verdict for reason in self.reasons if reason.intent == intent]
        return max(verdicts, key=_SEVERITY.index)


def answer(terms: License, intents: Intents, *, multimodal: bool | None = None) -> Answer:
    """What a licence says to these intents.

    Args:
        terms: the clauses.
        intents: what is meant to be done.
        multimodal: whether the model takes more than text; None when that is not known.
    """
    if not terms.read:
        words = f"Blocked until read: nobody has read {terms.name!r} for this catalogue."
        return Answer(terms, tuple(Reason(name, "unknown", words) for name in intents.names))
    reasons: list[Reason] = []
    for name in intents.names:
        found = list(RULINGS[name](terms, intents, multimodal))
        found = found or [("yes", unconditional(terms))]
        if terms.evidence != "text":
            found.append(("conditional", "Known from reports only: read the text itself first."))
        reasons += [Reason(name, verdict, words) for verdict, words in found]
    return Answer(terms, tuple(reasons))


def to_json(given: Answer) -> dict[str, Any]:
    """The answer as documented in docs/licenses.md."""
    return {
        "license": given.license.id,
        "verdict": given.verdict,
        "by_intent": {reason.intent: given.of(reason.intent) for reason in given.reasons},
        "reasons": [
            {"intent": reason.intent, "verdict": reason.verdict, "why": reason.words}
            for reason in given.reasons
        ],
        "source": given.license.source,
        "date": given.license.date,
        "note": given.note,
    }
