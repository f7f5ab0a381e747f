from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from tests.fakes.llm_server import Behaviour, FakeUrl, fake_llm
from tests.measure.evals.scorers.scoring import complaint, score
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import ConfigError, InputError, StatusError
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.judge import JUDGE, agreed, read_vote
from weighbridge.measure.evals.scoring import Answer, Means, Score, read_options
from weighbridge.verbs.effects import SystemClock
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest


@pytest.mark.parametrize(
    ("text", "vote"),
    [
        ("A is shorter. [[B]]", "second"),
        ("[[A]] at first, but then [[tie]]", "tie"),
        ("[[ a ]]", "first"),
        ("**B**", "second"),
        ("B", "second"),
        ("[[C]]", "tie"),
        ("<think>[[A]]</think>[[B]]", "second"),
        ("I prefer answer A", None),
        ("", None),
    ],
)
def test_a_judgement_ends_with_its_verdict(text: str, vote: str | None) -> None:
    assert read_vote(text) == vote


def test_only_what_holds_in_both_orders_is_a_vote() -> None:
    assert agreed("first", "second") == ("first", False)
    assert agreed("second", "first") == ("second", False)
    assert agreed("tie", "tie") == ("tie", False)
    assert agreed("first", "first") == ("tie", True)
    assert agreed("first", "tie") == ("tie", True)
    assert agreed("first", None) == ("tie", False)


def judged(
    verdict: Callable[[str, str], str], answer: str, gold: str, **options: object
) -> tuple[Score, FakeUrl]:
    """The score by a judge that sees the two texts in order and writes a verdict."""

    def behave(request: ServerRequest, _: int) -> Behaviour:
        prompt = msgspec.json.decode(request.body)["messages"][-1]["content"]
        first, _, rest = prompt.partition("Answer A:\n")[2].partition("\n\nAnswer B:\n")
        return Behaviour(text=verdict(first, rest.partition("\n\nReason")[0]))

    settings = SuiteFile(name="s", prompt="p", scorer="judge", options=dict(options))

    async def work() -> tuple[Score, FakeUrl]:
        async with fake_llm(behave) as url, Client() as client:
            means = Means(client=client, clock=SystemClock(), judge=endpoint_at(url, "judge"))
            scorer = JUDGE.make(settings, read_options(JUDGE, settings, "here"), means)
            return await scorer.score(Item("i", "Why?", gold), Answer(answer)), url

    return asyncio.run(work())


def longer(first: str, second: str) -> str:
    if len(first) == len(second):
        return "Equal. [[tie]]"
    return "[[A]]" if len(first) > len(second) else "[[B]]"


def test_the_better_text_wins_wherever_it_stands() -> None:
    win, url = judged(longer, "a long answer", "short")
    assert (win.correct, win.value, win.notes["vote"]) == (True, 1.0, "first")
    assert win.notes["inconsistent"] is False
    assert len(url.requests) == 2
    loss, _ = judged(longer, "short", "a long answer")
    assert (loss.correct, loss.value, loss.detail) == (False, 0.0, "the judge: worse")
    tie, _ = judged(longer, "equal", "equal")
    assert (tie.correct, tie.value) == (True, 0.5)
    strict, _ = judged(longer, "equal", "equal", accept="win")
    assert (strict.correct, strict.detail) == (False, "the judge: no better")


def test_a_judge_that_likes_the_first_place_says_nothing() -> None:
    told, _ = judged(lambda *_: "[[A]]", "one", "two")
    assert (told.value, told.notes["inconsistent"]) == (0.5, True)


def test_no_verdict_is_not_as_good() -> None:
    told, _ = judged(lambda *_: "Hard to say.", "one", "two")
    assert (told.correct, told.detail) == (False, "the judge gave no verdict")
    assert told.notes["unreadable"] == 2
    assert told.notes["inconsistent"] is False


def test_the_question_the_texts_and_the_criteria_are_shown_and_no_name() -> None:
    _, url = judged(longer, "mine {x}", "theirs", criteria="for a child")
    prompt = url.bodies[0]["messages"][0]["content"]
    assert "Why?" in prompt
    assert "is better for a child." in prompt
    assert "Answer A:\nmine {x}" in prompt
    assert "Answer B:\nmine {x}" in url.bodies[1]["messages"][0]["content"]


def test_a_judge_that_fails_is_no_fault_of_the_answer() -> None:
    async def work() -> None:
        async with fake_llm(Behaviour("status", status=400)) as url, Client() as client:
            means = Means(client=client, clock=SystemClock(), judge=endpoint_at(url, "judge"))
            settings = SuiteFile(name="s", prompt="p", scorer="judge")
            scorer = JUDGE.make(settings, read_options(JUDGE, settings, "here"), means)
            await scorer.score(Item("i", "Why?", "gold"), Answer("x"))

    with pytest.raises(StatusError):
        asyncio.run(work())


def test_without_a_judge_it_says_how_to_name_one() -> None:
    with pytest.raises(InputError, match="--judge-url"):
        score("judge", "x", "y")
    with pytest.raises(ConfigError, match=r"has no \{second\}"):
        score("judge", "x", "y", options={"prompt": "{first}?"})
    with pytest.raises(ConfigError, match="placeholder"):
        score("judge", "x", "y", options={"prompt": "{first} {second} {else}"})
    assert "must be the text" in complaint("judge", 3)
