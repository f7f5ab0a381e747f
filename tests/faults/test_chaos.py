"""The chaos server and the client that judges it, without a gateway between them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.faults import client
from tests.faults.chaos import Chaos, chaos_server
from tests.faults.client import Conduct, Seen, read_answer
from tests.faults.judge import fault_of
from tests.faults.script import BEFORE, HARMLESS, WITHIN, Ask, Kind, answer, refusal
from tests.waiting import until

NAMED = (("x-weighbridge-model", "sick"),)


def seen_of(ask: Ask, conduct: Conduct = "stay") -> tuple[Seen, Chaos]:
    async def scenario() -> tuple[Seen, Chaos]:
        async with chaos_server("sick") as chaos:
            raw = client.request(chaos.port, ask.payload())
            seen = await client.ask(chaos.port, raw, conduct, patience_s=1.5)
            async with asyncio.timeout(5):
                await until(lambda: chaos.asked == 1 and chaos.answering == 0)
            return seen, chaos

    return asyncio.run(scenario())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", HARMLESS)
def test_harmless_troubles_leave_the_answer_whole(kind: Kind, stream: bool) -> None:
    ask = Ask(7, "sick", stream=stream, troubles={"sick": kind})
    seen, _ = seen_of(ask)
    if kind == "extra":  # here nobody takes it away
        assert seen.wrong
        return
    status = int(kind[-3:]) if kind.startswith("status") else 200
    assert seen.status == status
    assert seen.complete
    assert seen.body == (refusal("sick", ask, status) if status != 200 else answer("sick", ask))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", BEFORE)
def test_troubles_before_the_answer_give_no_byte_of_it(kind: Kind, stream: bool) -> None:
    seen, _ = seen_of(Ask(7, "sick", stream=stream, troubles={"sick": kind}))
    assert not (seen.status == 200 and seen.complete)
    assert b"chatcmpl" not in seen.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", WITHIN)
def test_troubles_within_the_answer_give_its_beginning(kind: Kind, stream: bool) -> None:
    ask = Ask(7, "sick", stream=stream, troubles={"sick": kind})
    seen, _ = seen_of(ask)
    if kind in ("until_close_reset", "bad_chunk"):
        assert not (seen.complete and seen.body == answer("sick", ask))
    else:
        assert not seen.complete
    if not seen.timed_out:
        whole = answer("sick", ask)
        assert 0 < len(seen.body) < len(whole)
        assert whole.startswith(seen.body)


@pytest.mark.parametrize("conduct", ["leave_at_once", "leave_midway", "reset_midway"])
def test_the_server_notices_who_leaves(conduct: Conduct) -> None:
    ask = Ask(7, "sick", stream=True, chunks=200, gap_s=0.02)
    _, chaos = seen_of(ask, conduct)
    assert (chaos.asked, chaos.left_alone) == (1, 1)


def test_answers_tell_requests_and_models_apart() -> None:
    asks = [Ask(n, "sick", stream=stream) for n in range(3) for stream in (False, True)]
    said = {answer(model, ask) for ask in asks for model in ("sick", "well")}
    assert len(said) == 2 * len(asks)


ASK = Ask(7, "sick", stream=True)
WHOLE = answer("sick", ASK)


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        (Seen(200, NAMED, WHOLE, complete=True), ""),
        (Seen(200, NAMED, WHOLE[:-1] + b"x", complete=True), "did not say"),
        (Seen(200, NAMED, WHOLE[:40], complete=True), "did not say"),
        (Seen(200, NAMED, WHOLE[:40]), "lost"),
        (Seen(200, NAMED, WHOLE), "[DONE]"),
        (Seen(200, NAMED, answer("well", ASK)[:40]), "did not begin"),
        (Seen(502, (), b"<html>", complete=True), "own error"),
        (Seen(502, (), b'{"error": {"message": "No."}}', complete=True), "refused with 502"),
        (Seen(), "lost"),
        (Seen(timed_out=True), "no end"),
    ],
)
def test_the_judge_sees_what_is_wrong(seen: Seen, complaint: str) -> None:
    found = fault_of(ASK, "stay", seen, {"sick": ("well",)})
    assert (complaint in found) if complaint else not found


def test_the_judge_accepts_what_cannot_be_helped() -> None:
    cut = replace(ASK, troubles={"sick": "cut"})
    began = Seen(200, NAMED, WHOLE[:40])
    assert not fault_of(cut, "stay", began, {"sick": ("well",)})
    assert "never said" in fault_of(cut, "stay", replace(began, body=WHOLE, complete=True), {})
    dead = replace(ASK, troubles={"sick": "close"})
    refused = Seen(502, (), b'{"error": {"message": "No."}}', complete=True)
    assert not fault_of(dead, "stay", refused, {})
    assert fault_of(dead, "stay", refused, {"sick": ("well",)})


@pytest.mark.parametrize(
    ("raw", "complete", "wrong"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab", True, False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc", True, True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", False, False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", True, False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", False, False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n", False, True),
        (b"220 mail\r\n\r\n", False, True),
    ],
)
def test_the_client_knows_whether_an_answer_is_whole(
    raw: bytes,
    complete: bool,
    wrong: bool,
) -> None:
    seen = read_answer(raw, ended=False)
    assert seen.complete == complete
    assert bool(seen.wrong) == wrong
