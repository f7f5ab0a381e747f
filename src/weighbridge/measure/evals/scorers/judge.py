"""A model as judge: which of two answers is better, asked in both orders.

The judge sees the question, the model's answer and the item's gold as two texts without names. It
is asked twice, each text standing first once. Where it says the same both times, that is its
vote; where its vote follows the place and not the text, it is a tie, counted as inconsistent.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from weighbridge.core.effects import Clock
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.http import HttpClient, Timeouts
from weighbridge.measure.evals.asking import EvalTarget, ask, without_thought
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scoring import Answer, Kind, Means, Score
from weighbridge.measure.evals.template import fill
from weighbridge.wire.chat import render_chat

_TIMEOUTS = Timeouts(first_byte=300.0, between_bytes=300.0)
_VERDICT = re.compile(r"\[\[\s*(A|B|C|tie)\s*\]\]", re.IGNORECASE)
_BARE = re.compile(r"\A[\s*_`\"'(\[]*(A|B|tie)[\s*_`\"')\].]*\Z", re.IGNORECASE)

PROMPT = """\
Two answers to a question follow. Decide which of them is better{criteria}. Neither length nor \
order nor style makes an answer better by itself.

Question:
{question}

Answer A:
{first}

Answer B:
{second}

Reason briefly, then end with [[A]], [[B]] or, where neither is better, [[tie]]."""

Vote = Literal["first", "second", "tie"]


class JudgeOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Options of ``judge``.

    Attributes:
        prompt: what the judge is asked, with ``{question}``, ``{first}``, ``{second}`` and
            ``{criteria}``.
        criteria: what "better" means, such as "for a reader who is no lawyer".
        accept: whether an answer as good as the gold counts as right, or only a better one.
        max_tokens: longest judgement asked for.
    """

    prompt: str = PROMPT
    criteria: str = ""
    accept: Literal["tie", "win"] = "tie"
    max_tokens: int = 1024


def read_vote(text: str) -> Vote | None:
    """What a judgement ends with, or None where it ends with no verdict."""
    text = without_thought(text)
    marks = _VERDICT.findall(text)
    bare = _BARE.match(text)
    told = marks[-1] if marks else bare[1] if bare else None
    if told is None:
        return None
    return {"A": "first", "B": "second"}.get(told.upper(), "tie")  # type: ignore[return-value]


def agreed(one: Vote | None, swapped: Vote | None) -> tuple[Vote, bool]:
    """The vote of both orders for the text that stood first in ``one``, and if they contradict.

    A judgement without a verdict is no vote for anybody: a tie, and no contradiction.
    """
    if one is None or swapped is None:
        return "tie", False
    turned: Vote = {"first": "second", "second": "first", "tie": "tie"}[swapped]  # type: ignore[assignment]
    return (one, False) if one == turned else ("tie", True)


class Judge:
    """Asks the judging model; implements :class:`weighbridge.measure.evals.scoring.Scorer`."""

    def __init__(
        self, client: HttpClient, clock: Clock, endpoint: Endpoint, options: JudgeOptions
    ) -> None:
        self._client = client
        self._clock = clock
        self._target = EvalTarget(endpoint, 1, _TIMEOUTS)
        self._options = options

    async def score(self, item: Item, answer: Answer) -> Score:
        """Better than the gold 1, as good ½, worse 0.

        Raises:
            EndpointError: the judge does not answer.
        """
        gold = str(item.answer)
        one = read_vote(await self._ask(item, answer.text, gold))
        swapped = read_vote(await self._ask(item, gold, answer.text))
        vote, contradicts = agreed(one, swapped)
        value = {"first": 1.0, "tie": 0.5, "second": 0.0}[vote]
        correct = value > 0.5 or (vote == "tie" and self._options.accept == "tie")
        unreadable = (one is None) + (swapped is None)
        notes = {"vote": vote, "inconsistent": contradicts, "unreadable": unreadable}
        detail = "" if correct else f"the judge: {'no better' if vote == 'tie' else 'worse'}"
        if unreadable:
            # Not knowing is not the same as being as good.
            return Score(False, 0.5, "the judge gave no verdict", notes)
        return Score(correct, value, detail, notes)

    async def close(self) -> None:
        """Nothing to let go of: the client is the run's."""

    async def _ask(self, item: Item, first: str, second: str) -> str:
        options = self._options
        criteria = f" {options.criteria.strip()}" if options.criteria else ""
        fields = {"question": item.prompt, "first": first, "second": second, "criteria": criteria}
        prompt = fill(options.prompt, fields, "the judge's prompt")
        body = render_chat(
            self._target.endpoint.model,
            [{"role": "user", "content": prompt}],
            max_tokens=options.max_tokens,
            temperature=0.0,
            stream=False,
        )
        told = await ask(self._client, self._clock, self._target, body)
        if told.completion is None:
            assert told.error is not None  # noqa: S101 -- one of both
            raise told.error
        return told.completion.content


def _check(_: SuiteFile, options: JudgeOptions) -> str:
    fields = dict.fromkeys(("question", "first", "second", "criteria"), "")
    try:
        fill(options.prompt, fields, "`options.prompt`")
    except ConfigError as error:
        return str(error)
    missing = [name for name in ("first", "second") if f"{{{name}}}" not in options.prompt]
    return f"`options.prompt` has no {{{missing[0]}}}." if missing else ""


def _complaint(item: Item, _: object) -> str:
    sound = isinstance(item.answer, str) and bool(item.answer.strip())
    return "" if sound else "`answer` must be the text that answers are held against"


def _make(settings: SuiteFile, options: JudgeOptions, means: Means) -> Judge:
    if means.client is None or means.judge is None or means.clock is None:
        raise InputError(
            f"The suite {settings.name} is judged by a model, and none is named.",
            fix="Name one with --judge-url and --judge-model.",
        )
    return Judge(means.client, means.clock, means.judge, options)


JUDGE = Kind(JudgeOptions, _make, _complaint, slow=True, check=_check)
