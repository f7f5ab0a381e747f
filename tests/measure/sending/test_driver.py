from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import psutil
import pytest

from tests.fakes.llm_server import (
    CUT_MIDWAY,
    DIALECTS,
    HANG,
    HANG_MIDWAY,
    HTML,
    OVERLOADED,
    UNAUTHORIZED,
    Behaviour,
    Choose,
    FakeUrl,
    fake_llm,
)
from tests.processes import gone_within
from tests.waiting import until
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import EngineError
from weighbridge.core.http import Timeouts
from weighbridge.core.live_load import LivePoint
from weighbridge.core.load import RequestRecord
from weighbridge.core.traffic import Conversation, LoadShape, Message, Turn
from weighbridge.measure.load.sending.level import LevelPlan, LevelResult, auto_workers, run_level
from weighbridge.measure.load.sending.target import LoadTarget
from weighbridge.measure.load.traffic.tokens import TokenCounter
from weighbridge.wire.client import Client

SHORT = Timeouts(connect=2, first_byte=0.3, between_bytes=0.3, total=5)
LONG = Timeouts(connect=5, first_byte=20, between_bytes=20, total=30)
PROMPTS = [f"prompt {number}" for number in range(8)]
CLOSED = LoadShape("closed", 2)

Change = Callable[[LoadTarget], LoadTarget]


def turn(text: str, pause_s: float = 0.0) -> Turn:
    return Turn((Message("user", text),), 8, pause_s=pause_s)


def asks(prompts: Sequence[str] = PROMPTS) -> list[Conversation]:
    return [Conversation((turn(prompt),)) for prompt in prompts]


def due(every_s: float, count: int) -> list[Conversation]:
    return [Conversation((turn(f"prompt {n}"),), n * every_s) for n in range(count)]


def load(
    behaviour: Choose,
    plan: LevelPlan,
    *,
    timeouts: Timeouts = SHORT,
    change: Change = lambda target: target,
) -> tuple[LevelResult, FakeUrl, list[LivePoint]]:
    """A level against the fake; what was handed over one by one is what came back."""

    async def work() -> tuple[LevelResult, FakeUrl, list[LivePoint]]:
        async with fake_llm(behaviour) as url, Client() as client:
            target = change(LoadTarget(endpoint_at(url, "fake"), timeouts))
            seen: list[RequestRecord] = []
            points: list[LivePoint] = []
            result = await run_level(
                client, target, plan, on_done=seen.append, on_look=points.append
            )
            key = lambda record: (record.index, record.turn)  # noqa: E731
            assert sorted(seen, key=key) == sorted(result.records, key=key)
            return result, url, points

    return asyncio.run(work())


def asked(url: FakeUrl) -> list[str]:
    return sorted(body["messages"][-1]["content"] for body in url.bodies)


def most_at_once(records: Sequence[RequestRecord]) -> int:
    ends = [(record.sent_ms, record.sent_ms + record.e2e_ms) for record in records]
    return max(sum(begin <= moment < end for begin, end in ends) for moment, _ in ends)


# -- closed loop ----------------------------------------------------------------------------------


def test_every_prompt_is_sent_once_as_a_stream() -> None:
    result, url, _ = load(Behaviour(tokens=4), LevelPlan(3, CLOSED, asks()))
    assert asked(url) == PROMPTS
    body = url.bodies[0]
    assert (body["stream"], body["max_tokens"], body["temperature"]) == (True, 8, 0.0)
    assert sorted(record.index for record in result.records) == list(range(8))
    assert {record.level for record in result.records} == {3}
    assert all(record.due_ms is None and record.queue_ms == 0 for record in result.records)
    assert {(record.output_tokens, record.tokens_from) for record in result.records} == {
        (4, "usage")
    }
    begins = [record.sent_ms for record in result.records]
    assert begins == sorted(begins)


def test_times_are_those_of_the_server() -> None:
    slow = Behaviour(tokens=4, first_delay_s=0.1, delay_s=0.05)
    result, _, _ = load(slow, LevelPlan(0, LoadShape("closed", 4), asks(PROMPTS[:4])))
    for record in result.records:
        assert record.ttft_ms is not None
        assert record.ttft_ms >= 99
        assert len(record.gaps_ms) == 3
        assert record.e2e_ms >= record.ttft_ms + sum(record.gaps_ms) - 0.01  # rounded
        assert record.e2e_ms >= 249
    ends = [record.sent_ms + record.e2e_ms for record in result.records]
    assert result.duration_s == pytest.approx(max(ends) / 1e3, abs=1e-3)


@pytest.mark.parametrize(("concurrency", "expected"), [(1, 1), (3, 3), (50, 8)])
def test_as_many_requests_are_in_flight_as_asked_for(concurrency: int, expected: int) -> None:
    plan = LevelPlan(0, LoadShape("closed", concurrency), asks())
    result, _, _ = load(Behaviour(first_delay_s=0.05), plan, timeouts=LONG)
    assert most_at_once(result.records) == expected


@pytest.mark.flaky(
    reruns=2
)  # less than half a second of real time, which a busy machine may not give
def test_time_ends_a_level_and_prompts_begin_anew() -> None:
    plan = LevelPlan(0, CLOSED, asks(PROMPTS[:3]), duration_s=0.4)
    result, url, _ = load(Behaviour(first_delay_s=0.02), plan, timeouts=LONG)
    assert len(result.records) > 3
    assert set(asked(url)) == set(PROMPTS[:3])
    assert len({record.index for record in result.records}) == len(result.records)
    assert all(record.sent_ms <= 400 + 100 for record in result.records)
    assert all(record.error is None for record in result.records)


def test_a_long_collection_comes_before_a_level_begins() -> None:
    def slow(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            time.sleep(0.6)  # as in a process that holds much

    gc.callbacks.append(slow)
    try:
        plan = LevelPlan(0, CLOSED, asks(), duration_s=0.4)
        result, _, _ = load(Behaviour(), plan, timeouts=LONG)
    finally:
        gc.callbacks.remove(slow)
    assert len(result.records) > 3


@pytest.mark.flaky(reruns=2)  # a second of real time, which a busy machine may not give
def test_users_whom_nobody_answers_do_not_spin() -> None:
    async def work() -> LevelResult:
        async with fake_llm() as url:
            pass  # its port is free again
        async with Client() as client:
            target = LoadTarget(endpoint_at(url, "fake"), SHORT)
            plan = LevelPlan(0, CLOSED, asks(), duration_s=1.0)
            return await run_level(
                client, target, plan, on_done=lambda _: None, on_look=lambda _: None
            )

    records = asyncio.run(work()).records
    assert {record.error for record in records} == {"connect"}
    assert 2 <= len(records) <= 24  # two users, each at most about ten times a second


def test_an_empty_schedule_is_an_empty_level() -> None:
    for shape in (CLOSED, LoadShape("open", rate=5.0)):
        result, url, _ = load(Behaviour(), LevelPlan(0, shape, [], duration_s=0.1))
        assert (result.records, url.requests) == ((), [])


# -- open loop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["open", "ramp", "replay"])
def test_requests_are_sent_when_they_are_due_whatever_becomes_of_others(kind: str) -> None:
    shape = LoadShape(kind, rate=20.0)  # type: ignore[arg-type]
    slow = Behaviour(first_delay_s=0.3)
    result, _, _ = load(slow, LevelPlan(0, shape, due(0.05, 6)), timeouts=LONG)
    assert [record.due_ms for record in result.records] == [0, 50, 100, 150, 200, 250]
    assert all(record.sent_ms >= (record.due_ms or 0) for record in result.records)
    assert most_at_once(result.records) > 1


def test_waiting_for_a_slot_counts_from_when_a_request_was_due() -> None:
    shape = LoadShape("open", concurrency=1, rate=100.0)
    result, _, _ = load(
        Behaviour(first_delay_s=0.1), LevelPlan(0, shape, due(0.01, 4)), timeouts=LONG
    )
    assert most_at_once(result.records) == 1
    assert [record.due_ms for record in result.records] == [0, 10, 20, 30]
    last = result.records[-1]
    assert last.queue_ms >= 3 * 100 - 30
    # That wait was asked for; it is no lateness of the client.
    assert result.client.send_lag_ms_p99 < last.queue_ms


def test_nothing_is_sent_after_the_time_asked_for() -> None:
    shape = LoadShape("open", rate=20.0)
    result, _, _ = load(Behaviour(), LevelPlan(0, shape, due(0.05, 100), duration_s=0.22))
    assert [record.due_ms for record in result.records] == [0, 50, 100, 150, 200]


# -- conversations --------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_later_turns_carry_the_real_answers(workers: int) -> None:
    talks = [Conversation((turn("one"), turn("two", 0.05), turn("three"))) for _ in range(2)]
    plan = LevelPlan(0, CLOSED, talks, workers=workers)
    result, url, _ = load(Behaviour(text="indeed"), plan, timeouts=LONG)
    assert sorted(record.turn for record in result.records) == [0, 0, 1, 1, 2, 2]
    (last, _) = [body["messages"] for body in url.bodies if len(body["messages"]) == 5]
    assert [message["content"] for message in last] == ["one", "indeed", "two", "indeed", "three"]
    assert [message["role"] for message in last] == ["user", "assistant"] * 2 + ["user"]
    first, second = (
        next(r for r in result.records if (r.index, r.turn) == (0, number)) for number in (0, 1)
    )
    assert second.sent_ms >= first.sent_ms + first.e2e_ms + 49


def test_a_later_turn_of_an_open_loop_is_due_after_its_pause() -> None:
    talk = [Conversation((turn("one"), turn("two", 0.05)), 0.0)]
    result, _, _ = load(Behaviour(), LevelPlan(0, LoadShape("open", rate=2.0), talk))
    first, second = result.records
    assert second.due_ms == pytest.approx(first.sent_ms + first.e2e_ms + 50, abs=0.01)
    assert second.queue_ms >= 0
    assert second.sent_ms >= first.sent_ms + first.e2e_ms + 49


def test_a_conversation_ends_with_its_first_failure() -> None:
    talk = [Conversation((turn("one"), turn("two")))]
    result, url, _ = load(OVERLOADED, LevelPlan(0, CLOSED, talk))
    assert (len(result.records), len(url.requests)) == (1, 1)


# -- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (OVERLOADED, "http_503"),
        (UNAUTHORIZED, "http_401"),
        (HTML, "protocol"),
        (HANG, "timeout"),
        (HANG_MIDWAY, "timeout"),
        (CUT_MIDWAY, "protocol"),
        (Behaviour(error_after=2, status=507), "http_507"),
        (Behaviour("json"), "protocol"),
    ],
)
def test_a_failure_is_a_record_that_says_why(behaviour: Behaviour, kind: str) -> None:
    result, url, _ = load(behaviour, LevelPlan(0, CLOSED, asks(PROMPTS[:2])))
    assert [record.error for record in result.records] == [kind, kind]
    assert all(record.message.endswith((".", "?")) for record in result.records)
    assert len(url.requests) == 2  # nothing is asked twice unless that was asked for


def test_failures_do_not_stop_the_others() -> None:
    result, _, _ = load(
        lambda _, number: OVERLOADED if number % 2 else Behaviour(tokens=4),
        LevelPlan(0, CLOSED, asks()),
    )
    assert len(result.records) == 8
    assert sum(record.error is None for record in result.records) == 4


def busy_at_first(retry_after: int | None, times: int = 1) -> Choose:
    busy = Behaviour("status", status=429, retry_after=retry_after)
    return lambda _, number: busy if number < times else Behaviour()


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    plan = LevelPlan(0, LoadShape("closed", 1), asks(PROMPTS[:2]))
    result, url, _ = load(
        busy_at_first(1), plan, change=lambda target: replace(target, wait_when_busy=2)
    )
    waited, other = result.records
    assert (waited.attempts, waited.error, other.attempts) == (2, None, 1)
    assert waited.ttft_ms is not None
    assert waited.ttft_ms >= 999  # the wait is the user's
    assert len(url.requests) == 3


@pytest.mark.parametrize(
    ("behaviour", "patience", "sendings"),
    [
        (busy_at_first(1), 0, 1),  # not asked for
        (busy_at_first(0, times=5), 2, 3),  # used up
        (busy_at_first(3600), 2, 1),  # more than anybody waits
        (UNAUTHORIZED, 2, 1),  # waiting is no help
    ],
)
def test_a_refusal_that_stays_one_is_an_error(
    behaviour: Choose, patience: int, sendings: int
) -> None:
    result, url, _ = load(
        behaviour,
        LevelPlan(0, CLOSED, asks(PROMPTS[:1])),
        change=lambda target: replace(target, wait_when_busy=patience),
    )
    (record,) = result.records
    assert (record.attempts, len(url.requests)) == (sendings, sendings)
    assert record.error in ("http_429", "http_401")


# -- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_dialects_count_the_same_tokens(dialect: str) -> None:
    how = DIALECTS[dialect]
    result, _, _ = load(how, LevelPlan(0, CLOSED, asks(PROMPTS[:1])))
    (record,) = result.records
    assert record.error is None
    assert record.tokens_from == ("usage" if how.usage else "arrivals")
    assert record.output_tokens == 8 + how.reasoning


def test_a_tokenizer_counts_where_the_server_does_not() -> None:
    counter = TokenCounter("letters", len)
    how = Behaviour(text="abcdef", usage=False, reasoning=1)
    for usage, expected in ((False, (len("hm abcdef"), "tokenizer")), (True, (2, "usage"))):
        result, _, _ = load(
            replace(how, usage=usage),
            LevelPlan(0, CLOSED, asks(PROMPTS[:1])),
            change=lambda target: replace(target, counter=counter),
        )
        (record,) = result.records
        assert (record.output_tokens, record.tokens_from) == expected


def test_reasoning_is_told_from_the_answer() -> None:
    def answers(reasoning: int) -> RequestRecord:
        how = Behaviour(tokens=2, reasoning=reasoning, delay_s=0.01)
        result, _, _ = load(how, LevelPlan(0, CLOSED, asks(PROMPTS[:1])))
        return result.records[0]

    plain, thinking = answers(0), answers(3)
    assert plain.answer_ms == plain.ttft_ms
    assert thinking.answer_ms is not None
    assert thinking.ttft_ms is not None
    assert thinking.answer_ms >= thinking.ttft_ms


# -- several processes ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [CLOSED, LoadShape("open", rate=50.0)])
def test_two_workers_send_what_one_would(shape: LoadShape) -> None:
    sent = asks() if shape.kind == "closed" else due(0.02, 8)
    alone, url, _ = load(Behaviour(tokens=3), LevelPlan(0, shape, sent), timeouts=LONG)
    both, other_url, _ = load(
        Behaviour(tokens=3), LevelPlan(0, shape, sent, workers=2), timeouts=LONG
    )
    assert (alone.client.workers, both.client.workers) == (1, 2)
    assert asked(url) == asked(other_url)
    for what in ("index", "due_ms", "output_tokens", "error"):
        assert sorted(str(getattr(record, what)) for record in alone.records) == sorted(
            str(getattr(record, what)) for record in both.records
        )
    assert both.client.cpu_s > 0
    assert both.client.max_rss_mb > alone.client.max_rss_mb / 2


def test_no_worker_is_without_a_user() -> None:
    plan = LevelPlan(0, LoadShape("closed", 2), asks(), workers=5)
    result, _, _ = load(Behaviour(first_delay_s=0.05), plan, timeouts=LONG)
    assert result.client.workers == 2
    assert most_at_once(result.records) <= 2


@pytest.mark.parametrize(
    ("shape", "most"),
    [
        (LoadShape("closed", 1), 1),
        (LoadShape("closed", 513), 2),
        (LoadShape("open", rate=257.0), 2),
        (LoadShape("open", rate=2.5), 1),
    ],
)
def test_one_process_is_enough_until_it_is_not(shape: LoadShape, most: int) -> None:
    assert 1 <= auto_workers(shape) <= most


# -- looking and stopping -------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_a_level_can_be_watched(workers: int) -> None:
    slow = Behaviour(tokens=60, delay_s=0.03)
    plan = LevelPlan(0, CLOSED, asks(PROMPTS[:2]), workers=workers)
    _, _, points = load(slow, plan, timeouts=LONG)
    assert points
    assert [point.at_s for point in points] == sorted(point.at_s for point in points)
    busy = [point for point in points if point.in_flight]
    assert busy
    assert all(point.in_flight <= 2 and point.done + point.in_flight <= 2 for point in busy)
    assert any(point.output_tokens_per_s > 0 for point in busy)
    assert any(point.itl_ms_p50 is not None and point.itl_ms_p50 > 0 for point in busy)


@pytest.mark.parametrize("workers", [1, 2])
def test_cancelling_keeps_what_had_ended_and_leaves_nothing_running(workers: int) -> None:
    def quick_then_silent(_: object, number: int) -> Behaviour:
        return Behaviour(tokens=2) if number < 4 else HANG

    async def work() -> tuple[list[RequestRecord], FakeUrl]:
        async with fake_llm(quick_then_silent) as url, Client() as client:
            target = LoadTarget(endpoint_at(url, "fake"), LONG)
            seen: list[RequestRecord] = []
            plan = LevelPlan(0, CLOSED, asks(), workers=workers)
            running = asyncio.create_task(
                run_level(client, target, plan, on_done=seen.append, on_look=lambda _: None)
            )
            await until(lambda: len(seen) >= 4)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            await until(lambda: len(url.gone) >= len(url.requests) - 4)
            return seen, url

    seen, url = asyncio.run(asyncio.wait_for(work(), 30))
    assert len(seen) == 4
    assert len(url.requests) > 4


def test_the_books_agree() -> None:
    plan = LevelPlan(0, LoadShape("closed", 4), asks([*PROMPTS] * 4), workers=2)
    result, _, _ = load(Behaviour(first_delay_s=0.03), plan, timeouts=LONG)
    health = result.client
    assert health.little_ratio == pytest.approx(1, abs=0.2)
    assert 0 < health.in_flight <= 4.01


def test_a_worker_that_dies_ends_the_level_with_a_sentence() -> None:
    children = psutil.Process().children

    async def work() -> list[psutil.Process]:
        async with fake_llm(HANG) as url, Client() as client:
            target = LoadTarget(endpoint_at(url, "fake"), LONG)
            plan = LevelPlan(0, CLOSED, asks(), workers=2)
            running = asyncio.create_task(
                run_level(client, target, plan, on_done=lambda _: None, on_look=lambda _: None)
            )
            await until(lambda: len(url.requests) >= 2)
            workers = children()
            workers[0].kill()
            with pytest.raises(EngineError, match="died"):
                await running
            return workers

    workers = asyncio.run(asyncio.wait_for(work(), 30))
    assert len(workers) >= 2
    assert gone_within([worker.pid for worker in workers], 5)
