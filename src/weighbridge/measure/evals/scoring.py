"""What a scorer is: the seam between the runner, which asks, and the rules, which judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from weighbridge.core.effects import Clock
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import ConfigError, WeighbridgeError
from weighbridge.core.http import HttpClient
from weighbridge.measure.evals.records import Item, SuiteFile

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Call:
    """A function call that a model asks for; ``arguments`` is None where they were no object."""

    name: str
    arguments: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said.

    Attributes:
        text: its answer, without the thinking before it.
        calls: the functions it called.
        finish_reason: why it stopped, in the server's word.
    """

    text: str
    calls: tuple[Call, ...] = ()
    finish_reason: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """A judgement.

    Attributes:
        correct: accepted as a whole.
        value: 0 to 1, for structured answers the share of gold fields that are right.
        detail: why it was not accepted; nothing when it was.
        notes: figures of the scorer's own, kept with the result.
    """

    correct: bool
    value: float
    detail: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


class Scorer(Protocol):
    """Judges the answers of one run; made by a :class:`Kind`, closed when the run ends."""

    async def score(self, item: Item, answer: Answer) -> Score:
        """Is the answer right? May be called for many items at once.

        Raises:
            EndpointError: a judge did not answer; the item stays unscored.
        """

    async def close(self) -> None:
        """Let go of what it holds: processes, folders."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a scorer may use.

    Attributes:
        client: for judges.
        clock: tells how long judges take.
        judge: the model that judges, where one was named.
        folder: the suite's folder, for files beside its items; None for a suite made in memory.
        workers: how many executions may run at once.
        trusted: Python functions that may be called, as ``module:function``.
    """

    client: HttpClient | None = None
    clock: Clock | None = None
    judge: Endpoint | None = None
    folder: Path | None = None
    workers: int = 2
    trusted: frozenset[str] = frozenset()


class NoOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """For scorers without settings."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of scorer, as ``scorer:`` in suite.yaml names it.

    Attributes:
        options: what ``options:`` in suite.yaml may say.
        make: a scorer for one run, of the suite's settings, its options and what it may use.
        complaint: what is wrong with an item for these options, as half a sentence such as
            "`answer` must be a number"; nothing when it can be scored.
        needs_answer: whether each item must have an ``answer``.
        reads: fields of an item's line that the scorer reads beside ``answer``; only these are
            kept in :attr:`Item.fields` and counted into the suite's hash.
        slow: whether judging takes long enough that an answer is kept before it is judged.
        check: what is wrong with the suite's settings, as a sentence; nothing if they can be used.
    """

    options: type[msgspec.Struct]
    make: Callable[[SuiteFile, Any, Means], Scorer]
    complaint: Callable[[Item, Any], str] = lambda _, __: ""
    needs_answer: bool = True
    reads: Callable[[Any], tuple[str, ...]] = lambda _: ()
    slow: bool = False
    check: Callable[[SuiteFile, Any], str] = lambda _, __: ""


class Rule:
    """A scorer that is a pure function of item and answer."""

    __slots__ = ("_rule",)

    def __init__(self, rule: Callable[[Item, Answer], Score]) -> None:
        self._rule = rule

    async def score(self, item: Item, answer: Answer) -> Score:
        """Judge at once."""
        return self._rule(item, answer)

    async def close(self) -> None:
        """Nothing to let go of."""


async def score_of(scorer: Scorer, item: Item, answer: Answer) -> Score:
    """The scorer's judgement; an answer that it breaks down over is wrong, and says so.

    A model may write anything, and one odd answer among thousands must not end the run.
    """
    try:
        return await scorer.score(item, answer)
    except WeighbridgeError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever a rule did not think of
        name = type(error).__name__
        why = f"the scorer could not judge this answer: {name}: {_shown(error)}"
        return Score(False, 0.0, why, {"unjudged": name})


def _shown(error: Exception) -> str:
    try:
        return str(error)[:_SHOWN]
    except Exception:  # noqa: BLE001 -- an exception whose message cannot be made
        return "(its message cannot be shown)"


def read_options(kind: Kind, settings: SuiteFile, where: str) -> Any:  # noqa: ANN401 -- kind.options
    """``options:`` as the scorer's own record.

    Raises:
        ConfigError: they do not fit the scorer.
    """
    try:
        options = msgspec.convert(settings.options, kind.options)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{where}: `options` of the scorer `{settings.scorer}`: {error}.",
            fix="docs/evaluation.md lists the options of each scorer.",
        ) from None
    said = kind.check(settings, options)
    if said:
        raise ConfigError(f"{where}: {said}")
    return options
