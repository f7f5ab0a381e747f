"""What happens when an engine does not answer as it should: other replicas, other models."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.serve.proxy.rig import (
    ANSWER,
    PLAIN,
    Call,
    Rig,
    dead_url,
    engine,
    gateway,
    post,
)
from tests.wire.conftest import Run
from weighbridge.core.errors import BusyError, EngineError
from weighbridge.core.gateway import Outcome

FALLBACK: dict[str, tuple[str, ...]] = {"a": ("a", "b"), "b": ("b",)}


def for_a() -> bytes:
    return post(b'{"model":"a","prompt":"x"}', path=b"/v1/completions")


async def _closes(call: Call) -> None:
    call.cut()


async def _head_only(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    call.cut()


async def _garbage(call: Call) -> None:
    await call.send(b"SSH-2.0-x\r\n")


async def _unavailable(call: Call) -> None:
    await call.send(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno")


async def _too_many(call: Call) -> None:
    await call.send(b"HTTP/1.1 429 No\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nno")


async def _bad_request(call: Call) -> None:
    await call.send(b"HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nbad")


async def _huge_head(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * 100_000)


FAILURES = {
    "closes": _closes,
    "head_only": _head_only,
    "garbage": _garbage,
    "503": _unavailable,
    "429": _too_many,
    "huge_head": _huge_head,
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("where", ["replica", "model"])
def test_another_answers_when_one_fails_before_the_first_byte(
    run: Run, failure: str, where: str
) -> None:
    async def main() -> None:
        async with engine(FAILURES[failure]) as bad, engine() as good:
            models: dict[str, tuple[str, ...]] = {"a": (bad.url, good.url), "b": (good.url,)}
            if where == "model":
                models["a"] = (bad.url,)
            async with gateway(models, use=FALLBACK) as rig:
                status, headers, body = await rig.ask(for_a())
                assert (status, body) == (200, ANSWER)
                assert headers["x-weighbridge-model"] == ("b" if where == "model" else "a")
                assert rig.outcome.attempts == 2
                assert len(rig.balancer.failures) == (failure != "429")
                assert len(bad.calls) == len(good.calls) == 1
                rig.assert_all_left()

    run(main())


def test_nobody_listens(run: Run) -> None:
    async def main() -> None:
        dead = await dead_url()
        async with engine() as good:
            async with gateway({"a": (dead,), "b": (good.url,)}, use=FALLBACK) as rig:
                assert (await rig.ask(for_a()))[0] == 200
                assert len(rig.fleet.suspected) == 1
                rig.assert_all_left()
            async with gateway({"a": (dead,)}) as rig:
                status, _, body = await rig.ask(for_a())
                assert status == 502
                assert "Nobody answers at" in json.loads(body)["error"]["message"]
                assert rig.outcome.end == "failed"
                rig.assert_all_left()

    run(main())


@pytest.mark.parametrize("failure", ["503", "429", "400"])
def test_the_last_answer_passes_as_it_is(run: Run, failure: str) -> None:
    script = {"503": _unavailable, "429": _too_many, "400": _bad_request}[failure]

    async def main() -> None:
        async with engine(script) as bad, engine() as good:
            # A 400 is the client's own: nobody else is asked.
            models = {"a": (bad.url,), "b": (good.url,)}
            use: dict[str, tuple[str, ...]] = {"a": ("a",)}
            if failure == "400":
                use = FALLBACK
            async with gateway(models, use=use) as rig:
                status, headers, body = await rig.ask(for_a())
                assert (status, body) == (int(failure), b"bad" if failure == "400" else b"no")
                assert headers.get("retry-after") == ("3" if failure == "429" else None)
                assert not good.calls
                assert rig.outcome.use is None
                assert bool(rig.balancer.failures) == (failure == "503")
                rig.assert_all_left()

    run(main())


def test_a_kept_connection_that_was_closed_is_replaced(run: Run) -> None:
    async def closes_later(call: Call) -> None:
        await call.send(PLAIN)
        # Closed in the instant in which the next request comes.
        await call.reader.read(1)
        call.cut()

    async def main() -> None:
        async with engine(closes_later) as e, gateway({"a": (e.url,)}) as rig:
            for _ in range(3):
                assert (await rig.ask(for_a()))[2] == ANSWER
            assert [outcome.attempts for outcome in rig.observer.outcomes] == [1, 1, 1]
            assert not rig.balancer.failures
            assert e.connections == 3
            rig.assert_all_left()

    run(main())


def test_stray_bytes_never_reach_the_next_client(run: Run) -> None:
    async def says_more(call: Call) -> None:
        await call.send(PLAIN + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")

    async def says_more_later(call: Call) -> None:
        await call.send(PLAIN)
        await asyncio.sleep(0.01)
        await call.send(PLAIN.replace(b"choices", b"strange"))

    async def main() -> None:
        for script in (says_more, says_more_later):
            async with engine(script) as e, gateway({"a": (e.url,)}) as rig:
                for _ in range(3):
                    assert (await rig.ask(for_a()))[2] == ANSWER
                    await asyncio.sleep(0.03)
                assert e.connections == 3

    run(main())


@pytest.mark.parametrize("length", [b"", b"Content-Length: 0\r\n"])
def test_an_answer_without_content_has_no_length(run: Run, length: bytes) -> None:
    async def nothing(call: Call) -> None:
        await call.send(b"HTTP/1.1 204 No Content\r\nX-Own: 1\r\n%b\r\n" % length)

    async def main() -> None:
        async with engine(nothing) as e, gateway({"a": (e.url,)}) as rig:
            for _ in range(2):
                status, headers, body = await rig.ask(for_a())
                assert (status, body, headers["x-own"]) == (204, b"", "1")
                assert "content-length" not in headers
                assert "transfer-encoding" not in headers
            twice = for_a() + for_a().replace(b"Host: x", b"Host: x\r\nConnection: close")
            assert (await rig.talk(twice)).count(b"HTTP/1.1 204") == 2
            rig.assert_all_left()

    run(main())


def test_interim_answers_are_skipped(run: Run) -> None:
    async def early(call: Call) -> None:
        await call.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        await call.send(PLAIN)

    async def main() -> None:
        async with engine(early) as e, gateway({"a": (e.url,)}) as rig:
            status, headers, body = await rig.ask(for_a())
            assert (status, body) == (200, ANSWER)
            assert "link" not in headers

    run(main())


def test_an_answer_that_ends_with_its_connection(run: Run) -> None:
    async def until_close(call: Call) -> None:
        await call.send(b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER)
        call.cut()

    async def main() -> None:
        async with engine(until_close) as e, gateway({"a": (e.url,)}) as rig:
            assert (await rig.ask(for_a()))[2] == ANSWER
            assert rig.outcome.end == "complete"
            rig.assert_all_left()

    run(main())


async def _status_and_retry(rig: Rig, wait: float | Exception) -> tuple[int, str | None, Outcome]:
    rig.fleet.waits["a"] = wait
    status, headers, _ = await rig.ask(for_a())
    return status, headers.get("retry-after"), rig.observer.outcomes[-1]


def test_models_that_cannot_be_had(run: Run) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"a": (e.url,)}) as rig:
            busy = BusyError("256 requests wait already.", retry_after_s=7)
            status, retry, outcome = await _status_and_retry(rig, busy)
            assert (status, retry) == (429, "7")
            assert "256 requests wait" in outcome.reason
            rig.fleet.ours.add("a")
            status, retry, _ = await _status_and_retry(rig, EngineError("It does not start."))
            assert (status, retry) == (503, "1")
            rig.fleet.ours.clear()  # a server that is not there in a second either
            status, retry, _ = await _status_and_retry(rig, EngineError("Nobody answers at x."))
            assert (status, retry) == (502, None)
            status, retry, outcome = await _status_and_retry(rig, 0.05)
            assert (status, retry) == (200, None)
            assert outcome.queued_s >= 0.04
            assert outcome.overhead_s < outcome.queued_s + 0.04
            rig.fleet.waits.clear()
            # Those that failed lately are asked for want of others.
            rig.balancer.closed = True
            assert (await rig.ask(for_a()))[0] == 200
            assert rig.balancer.insisted == 1
            rig.assert_all_left()

    run(main())


def test_a_queue_is_left_for_a_fallback(run: Run) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"a": (e.url,), "b": (e.url,)}, use=FALLBACK) as rig:
            rig.fleet.waits["a"] = BusyError("Full.")
            _, headers, _ = await rig.ask(for_a())
            assert headers["x-weighbridge-model"] == "b"
            rig.assert_all_left()

    run(main())


def test_defects_of_other_rooms_end_requests_cleanly(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"a": (e.url,)}) as rig:
            status, _, outcome = await _status_and_retry(rig, ValueError("a defect"))
            assert (status, outcome.end) == (500, "failed")
            rig.fleet.waits.clear()

            rig.balancer.defect = ValueError("another defect")
            assert (await rig.ask(for_a()))[0] == 500
            rig.assert_all_left()
            assert len(rig.observer.outcomes) == 2

    run(main())
    assert "a defect" in caplog.text
