"""What a licence says, clause by clause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NOT_LEGAL_ADVICE = (
    "This is not legal advice: read the licence that comes with the weights before you rely on it."
)

Permission = Literal["yes", "no", "conditional", "unknown"]
Category = Literal[
    "permissive",  # keep the notices, nothing more
    "conditional",  # thresholds, names to show, businesses or territories left out
    "use-restricted",  # a list of forbidden uses, often to be passed on
    "non-commercial",
    "unread",  # blocked until somebody reads the text
]
Metric = Literal["monthly users", "monthly revenue", "yearly revenue"]
Effect = Literal["licence", "display", "review"]
Business = Literal["maas", "assistant"]
UsePolicy = Literal["none", "binds you", "passed on", "unknown"]
Evidence = Literal["text", "secondary", "name only"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A size above which more is asked.

    Attributes:
        metric: what is counted; revenue in US dollars.
        above: the number from which the clause holds.
        effect: a separate licence is needed, a name must be shown, or a review must be passed.
        words: what is asked, to complete "above that …".
        business: only for those who run this business; empty for everybody.
    """

    metric: Metric
    above: int
    effect: Effect
    words: str
    business: Business | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Somebody who gets no rights without a separate licence.

    Attributes:
        who: a business (``maas``, ``assistant``) or a territory (``EU``).
        scope: which models of the family it concerns.
        words: the clause in one sentence.
    """

    who: str
    words: str
    scope: Literal["all", "multimodal"] = "all"


@dataclass(frozen=True, slots=True)
class License:
    """One licence as a vector of clauses.

    Attributes:
        id: what we call it; an SPDX id in small letters where there is one.
        name: its full name.
        reference: SPDX id or ``LicenseRef-…`` of a public collection of texts.
        category: how much it asks, in one word.
        commercial: whether commercial use is allowed; ``conditional`` when only for some.
        thresholds: sizes above which more is asked.
        territories: who gets no rights because of where they are.
        businesses: who gets no rights because of what they sell.
        notices: whether copies must keep licence and notices.
        marks: words to be shown where the model is used or passed on.
        name_prefix: with what the name of a derived model must start.
        use_policy: whether a list of forbidden uses binds the user, or must be passed on as well.
        outputs: whether outputs may train other models.
        outputs_words: on what terms.
        derivatives: terms of derived models, in words; empty when there are none.
        service: terms of offering it to others over a network, in words; empty when there are none.
        internal_use_exempt: whether use inside one's own organisation is free of the conditions.
        patents: grant and termination, in words.
        notes: what else a user should know.
        evidence: whether the text was read, a report of it, or only its name.
        source: where the facts are from.
        date: when they were noted, ISO 8601.
        aliases: other ways in which checkpoints state it.
        links: parts of the addresses at which its text lies.
        models: beginnings of the Hub ids for which a shared name means this text.
    """

    id: str
    name: str
    reference: str
    category: Category
    commercial: Permission
    thresholds: tuple[Threshold, ...] = ()
    territories: tuple[Exclusion, ...] = ()
    businesses: tuple[Exclusion, ...] = ()
    notices: bool = True
    marks: tuple[str, ...] = ()
    name_prefix: str = ""
    use_policy: UsePolicy = "none"
    outputs: Permission = "yes"
    outputs_words: str = ""
    derivatives: str = ""
    service: str = ""
    internal_use_exempt: bool = False
    patents: str = ""
    notes: str = ""
    evidence: Evidence = "text"
    source: str = ""
    date: str = ""
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def read(self) -> bool:
        """Whether its terms are known at all."""
        return self.category != "unread"


def unread(statement: str) -> License:
    """What stands for a text that nobody has read for us: everything about it is unknown."""
    name = statement.strip() or "no licence stated"
    return License(
        id=name,
        name=name,
        reference="",
        category="unread",
        commercial="unknown",
        use_policy="unknown",
        outputs="unknown",
        evidence="name only",
        source="the checkpoint's own statement"
        if statement.strip()
        else "the checkpoint is silent",
    )
