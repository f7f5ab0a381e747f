from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import pytest

from tests.fakes.llm_server import (
    CLOSE,
    HANG,
    HTML,
    OVERLOADED,
    UNAUTHORIZED,
    Behaviour,
    Choose,
    FakeUrl,
    fake_llm,
)
from tests.fakes.runs import item_result
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import (
    ConnectError,
    DeadlineError,
    EndpointError,
    ProtocolError,
    StatusError,
    WorkspaceError,
)
from weighbridge.core.http import Timeouts
from weighbridge.core.runs import ItemResult
from weighbridge.measure.evals import runner
from weighbridge.measure.evals.runner import EvalTarget, run_suite
from weighbridge.measure.evals.scoring import Answer, Kind, NoOptions, Rule, Score
from weighbridge.measure.evals.suite import Item, Suite, SuiteFile, make_suite
from weighbridge.verbs.effects import SystemClock
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest

SHORT = Timeouts(connect=2, first_byte=0.2, between_bytes=0.2, total=2)
RIGHT = Behaviour(text="yes", tokens=1)
WRONG = Behaviour(text="no")
REFUSED = Behaviour("status", status=400)


def suite(count: int = 6, **settings: object) -> Suite:
    told = {"name": "s", "prompt": "{q}", "scorer": "exact", "max_tokens": 16, **settings}
    items = tuple(Item(f"item-{i}", f"question {i}", "yes") for i in range(count))
    return make_suite(msgspec.convert(told, SuiteFile), items)


def asked(request: ServerRequest) -> int:
    """The number of the item that a request asks."""
    prompt = msgspec.json.decode(request.body)["messages"][-1]["content"]
    return int(prompt.removeprefix("question "))


def evaluate(
    behaviour: Choose,
    questions: Suite | None = None,
    *,
    done: Mapping[str, ItemResult] | None = None,
    concurrency: int = 2,
    on_result: Callable[[ItemResult], None] = lambda _: None,
    calls: list[FakeUrl] | None = None,
) -> tuple[ItemResult, ...]:
    async def work() -> tuple[ItemResult, ...]:
        async with fake_llm(behaviour) as url, Client() as client:
            if calls is not None:
                calls.append(url)
            return await run_suite(
                client,
                SystemClock(),
                EvalTarget(endpoint_at(url, "fake"), concurrency, SHORT),
                questions or suite(),
                done=done or {},
                on_result=on_result,
            )

    return asyncio.run(work())


def test_answers_are_scored_in_suite_order() -> None:
    def behave(request: ServerRequest, _: int) -> Behaviour:
        number = asked(request)
        # The first are answered last.
        how = RIGHT if number % 2 else WRONG
        return Behaviour(text=how.text, first_delay_s=0.02 * (6 - number))

    seen: list[ItemResult] = []
    results = evaluate(behave, concurrency=6, on_result=seen.append)
    assert [result.id for result in results] == [f"item-{i}" for i in range(6)]
    assert [result.correct for result in results] == [False, True] * 3
    assert sorted(seen, key=lambda result: result.id) == list(results)
    assert seen[0].id == "item-5"
    first, second = results[:2]
    assert (first.answer, first.score, first.error) == ("no", 0.0, None)
    assert first.detail == "differs from the expected answer"
    assert (second.prompt, second.expected, second.detail) == ("question 1", "yes", "")
    assert (second.answered_by, second.output_tokens) == ("fake", 1)
    assert 100 <= second.latency_ms < 1000


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_what_is_asked(system: str | None) -> None:
    calls: list[FakeUrl] = []
    evaluate(RIGHT, suite(1, system=system), calls=calls)
    (body,) = calls[0].bodies
    spoken = [{"role": "system", "content": system}] if system else []
    assert body["messages"] == [*spoken, {"role": "user", "content": "question 0"}]
    assert (body["max_tokens"], body["temperature"], body["stream"]) == (16, 0.0, False)


def test_an_answer_cut_at_max_tokens_says_so_only_when_wrong() -> None:
    (wrong,) = evaluate(Behaviour(text="n", finish_reason="length"), suite(1))
    assert wrong.detail == "differs from the expected answer; cut at max_tokens"
    (right,) = evaluate(Behaviour(text="yes", finish_reason="length"), suite(1))
    assert right.detail == ""


def test_passing_faults_are_asked_again() -> None:
    tries: dict[int, int] = {}
    faults = [Behaviour("status", status=500), OVERLOADED, CLOSE, HTML, HANG]
    faults += [Behaviour("status", status=429)]

    def behave(request: ServerRequest, _: int) -> Behaviour:
        number = asked(request)
        tries[number] = tries.get(number, 0) + 1
        return faults[number] if tries[number] == 1 else RIGHT

    results = evaluate(behave, concurrency=6)
    assert all(result.correct and result.error is None for result in results)
    assert tries == dict.fromkeys(range(6), 2)
    # The latency is that of the attempt that succeeded, without pauses and failures.
    assert max(result.latency_ms for result in results) < 150


@pytest.mark.parametrize(
    ("fault", "kind", "attempts"),
    [
        (Behaviour("status", status=500), "http_500", 3),
        (Behaviour("status", status=429), "http_429", 3),
        (REFUSED, "http_400", 1),
        (HTML, "protocol", 3),
        (Behaviour("json"), "protocol", 3),
        (HANG, "timeout", 3),
        (CLOSE, "protocol", 4),  # the client itself asks again on a fresh connection
    ],
)
def test_an_item_that_keeps_failing_is_wrong_and_says_why(
    fault: Behaviour, kind: str, attempts: int
) -> None:
    calls: list[FakeUrl] = []
    results = evaluate(
        lambda request, _: fault if asked(request) == 3 else RIGHT, concurrency=1, calls=calls
    )
    failed = results[3]
    assert (failed.error, failed.correct, failed.score, failed.answer) == (kind, False, 0.0, "")
    assert failed.detail.endswith((".", "?"))
    assert [result.correct for result in results] == [True] * 3 + [False] + [True] * 2
    assert sum(asked(request) == 3 for request in calls[0].requests) == attempts


def test_what_is_done_is_not_asked_again() -> None:
    done = {f"item-{i}": item_result(i, correct=False, prompt="from before") for i in (0, 4)}
    calls: list[FakeUrl] = []
    seen: list[ItemResult] = []
    results = evaluate(RIGHT, done=done, calls=calls, on_result=seen.append)
    assert sorted(asked(request) for request in calls[0].requests) == [1, 2, 3, 5]
    assert (results[0], results[4]) == (done["item-0"], done["item-4"])
    assert sorted(result.id for result in seen) == ["item-1", "item-2", "item-3", "item-5"]
    nothing: list[FakeUrl] = []
    everything = {result.id: result for result in results}
    assert evaluate(RIGHT, done=everything, calls=nothing) == results
    assert nothing[0].requests == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Behaviour("status", status=500), StatusError),
        (REFUSED, StatusError),
        (HTML, ProtocolError),
        (HANG, DeadlineError),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_server_that_fails_everything_is_an_error_not_a_score(
    fault: Behaviour, error: type[EndpointError], count: int
) -> None:
    with pytest.raises(error):
        evaluate(fault, suite(count), concurrency=4)


def test_nor_is_it_a_score_when_an_earlier_evaluation_is_resumed() -> None:
    done = {f"item-{i}": item_result(i, correct=True) for i in range(3)}
    with pytest.raises(StatusError):
        evaluate(REFUSED, done=done)
    with pytest.raises(StatusError):
        evaluate(REFUSED, done={**done, "item-3": item_result(3, correct=True)})


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_ends_it_at_once(status: int) -> None:
    calls: list[FakeUrl] = []
    seen: list[ItemResult] = []
    with pytest.raises(StatusError) as caught:
        evaluate(
            Behaviour("status", status=status),
            suite(50),
            concurrency=2,
            calls=calls,
            on_result=seen.append,
        )
    assert caught.value.status == status
    assert len(calls[0].requests) <= 2
    assert seen == []


def test_a_refusal_midway_keeps_what_was_answered() -> None:
    seen: list[ItemResult] = []
    with pytest.raises(StatusError):
        evaluate(
            lambda _, number: UNAUTHORIZED if number == 3 else RIGHT,
            concurrency=1,
            on_result=seen.append,
        )
    assert [result.id for result in seen] == ["item-0", "item-1", "item-2"]


def test_where_nobody_answers_nothing_is_scored() -> None:
    async def work() -> None:
        async with fake_llm() as url:
            pass  # its port is free again
        async with Client() as client:
            target = EvalTarget(endpoint_at(url, "fake"), 4, SHORT)
            await run_suite(
                client, SystemClock(), target, suite(), done={}, on_result=lambda _: None
            )

    with pytest.raises(ConnectError):
        asyncio.run(work())


def test_a_full_disk_is_reported_as_itself() -> None:
    def full(_: ItemResult) -> None:
        raise WorkspaceError("Cannot write.")

    with pytest.raises(WorkspaceError, match=r"Cannot write\."):
        evaluate(RIGHT, on_result=full)


def test_no_more_is_asked_at_once_than_told() -> None:
    calls: list[FakeUrl] = []
    at_once: list[int] = []
    answered: list[ItemResult] = []

    def behave(_: ServerRequest, number: int) -> Behaviour:
        at_once.append(number + 1 - len(answered))
        return Behaviour(text="yes", first_delay_s=0.02)

    evaluate(behave, suite(12), concurrency=3, calls=calls, on_result=answered.append)
    assert max(at_once) == 3


def test_an_answer_that_breaks_the_scorer_is_wrong_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def judge(_: Item, answer: Answer) -> Score:
        if answer.text == "odd":
            raise OverflowError("9" * 999)
        return Score(correct=True, value=1.0)

    kind = Kind(NoOptions, lambda *_: Rule(judge))
    monkeypatch.setattr(runner, "kind_of", lambda *_: kind)
    results = evaluate(lambda request, _: Behaviour(text="odd") if asked(request) == 1 else RIGHT)
    assert [one.correct for one in results] == [True, False, True, True, True, True]
    assert results[1].detail.startswith("the scorer could not judge this answer: OverflowError: 99")
    assert len(results[1].detail) < 300
