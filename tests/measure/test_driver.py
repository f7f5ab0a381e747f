from __future__ import annotations

import asyncio
from collections.abc import Sequence

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
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import ConnectError, EndpointError, ProtocolError, StatusError
from weighbridge.core.http import Timeouts
from weighbridge.core.load import LoadLevel, RequestRecord
from weighbridge.measure.load.driver import LoadTarget, run_level, warm_up
from weighbridge.verbs.effects import SystemClock
from weighbridge.wire.client import Client

SHORT = Timeouts(connect=2, first_byte=0.3, between_bytes=0.3, total=5)
PROMPTS = [f"prompt {number}" for number in range(8)]


def load(
    behaviour: Choose, concurrency: int = 2, prompts: Sequence[str] = PROMPTS
) -> tuple[LoadLevel, list[RequestRecord], FakeUrl]:
    async def work() -> tuple[LoadLevel, list[RequestRecord], FakeUrl]:
        async with fake_llm(behaviour) as url, Client() as client:
            target = LoadTarget(endpoint_at(url, "fake"), 8, SHORT)
            seen: list[RequestRecord] = []
            level, records = await run_level(
                client,
                SystemClock(),
                target,
                prompts,
                concurrency=concurrency,
                on_done=seen.append,
            )
            assert sorted(seen, key=lambda record: record.index) == sorted(
                records, key=lambda record: record.index
            )
            return level, records, url

    return asyncio.run(work())


def warm(behaviour: Choose) -> None:
    async def work() -> None:
        async with fake_llm(behaviour) as url, Client() as client:
            await warm_up(client, LoadTarget(endpoint_at(url, "fake"), 8, SHORT), "Hello")

    asyncio.run(work())


def test_every_prompt_is_sent_once_as_a_stream() -> None:
    level, records, url = load(Behaviour(tokens=4))
    assert sorted(body["messages"][0]["content"] for body in url.bodies) == PROMPTS
    body = url.bodies[0]
    assert (body["stream"], body["max_tokens"], body["temperature"]) == (True, 8, 0.0)
    assert (level.requests, level.errors, level.output_tokens) == (8, 0, 32)
    assert level.tokens_from_usage
    assert sorted(record.index for record in records) == list(range(8))
    assert [record.sent_ms for record in records] == sorted(record.sent_ms for record in records)


def test_times_are_those_of_the_server() -> None:
    slow = Behaviour(tokens=4, first_delay_s=0.1, delay_s=0.05)
    level, records, _ = load(slow, concurrency=4, prompts=PROMPTS[:4])
    for record in records:
        assert record.ttft_ms is not None
        assert record.tpot_ms is not None
        assert 99 <= record.ttft_ms < 200
        assert len(record.gaps_ms) == 3
        assert 49 <= record.tpot_ms < 100
        assert record.e2e_ms >= record.ttft_ms + sum(record.gaps_ms)
    assert 0.25 <= level.duration_s < 1
    assert level.requests_per_s == pytest.approx(4 / level.duration_s)
    assert level.output_tokens_per_s == pytest.approx(16 / level.duration_s)


@pytest.mark.parametrize(("concurrency", "expected"), [(1, 1), (3, 3), (50, 8)])
def test_as_many_requests_are_in_flight_as_asked_for(concurrency: int, expected: int) -> None:
    _, records, _ = load(Behaviour(first_delay_s=0.03), concurrency)
    begins = [record.sent_ms for record in records]
    ends = [record.sent_ms + record.e2e_ms for record in records]
    in_flight = [
        sum(begin <= moment < end for begin, end in zip(begins, ends, strict=True))
        for moment in begins
    ]
    assert max(in_flight) == expected


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
    level, records, url = load(behaviour, prompts=PROMPTS[:2])
    assert [record.error for record in records] == [kind, kind]
    assert all(record.message.endswith((".", "?")) for record in records)
    assert (level.errors, level.error_kinds) == (2, ((kind, 2),))
    assert level.first_error == records[0].message
    assert (level.ttft_ms, level.output_tokens) == (None, 0)
    assert len(url.requests) == 2  # a load run never asks twice


def test_failures_do_not_stop_the_others() -> None:
    level, _, _ = load(lambda _, number: OVERLOADED if number % 2 else Behaviour(tokens=4))
    assert (level.requests, level.errors, level.output_tokens) == (8, 4, 16)
    assert level.ttft_ms is not None
    assert level.ttft_ms.count == 4


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_dialects_count_the_same_tokens(dialect: str) -> None:
    how = DIALECTS[dialect]
    level, records, _ = load(how, prompts=PROMPTS[:1])
    assert level.errors == 0
    assert level.tokens_from_usage == how.usage
    assert records[0].output_tokens == 8 + how.reasoning


def test_an_empty_schedule_is_an_empty_level() -> None:
    level, records, _ = load(Behaviour(), prompts=[])
    assert (level.requests, records) == (0, [])


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [(UNAUTHORIZED, StatusError), (HTML, ProtocolError), (CUT_MIDWAY, ProtocolError)],
)
def test_warming_up_refuses_what_cannot_be_measured(
    behaviour: Behaviour, error: type[EndpointError]
) -> None:
    with pytest.raises(error):
        warm(behaviour)


def test_warming_up_passes_where_there_is_an_answer() -> None:
    warm(Behaviour())


def test_warming_up_where_nobody_answers_says_so() -> None:
    async def work() -> None:
        async with fake_llm() as url:
            pass  # its port is free again
        async with Client() as client:
            await warm_up(client, LoadTarget(endpoint_at(url, "fake"), 8, SHORT), "Hello")

    with pytest.raises(ConnectError):
        asyncio.run(work())
