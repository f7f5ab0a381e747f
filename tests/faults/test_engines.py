"""Real engines that are killed, stand still, or do not want to go."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.faults import client
from tests.faults.client import Seen, read_answer
from tests.faults.gateway import Gateway, gateway
from tests.faults.real import QUESTIONS, body_of, content, until_answering
from tests.processes import gone_within, is_gone

ENGINES = """
models:
  tally: {{engine: llamacpp-embedded, source: {models}/tally-f16.gguf, context: 512, slots: 2,
    preload: true, cold_start: 20s}}
  porter: {{engine: llamacpp-embedded, source: {models}/porter-q8_0.gguf, context: 512, slots: 2,
    preload: true, cold_start: 20s}}
limits: {{first_byte: 2, between_bytes: 1, drain: 30}}
{more}
"""
MODELS = ("tally", "porter")
FRESH_S = 40.0
KILLED = pytest.param(signal.SIGKILL, id="killed")
# What stands still is given a quarter of a minute before it is taken for lost.
FROZEN = pytest.param(signal.SIGSTOP, id="frozen", marks=pytest.mark.slow)


@asynccontextmanager
async def engines(models: Path, folder: Path, more: str = "") -> AsyncIterator[Gateway]:
    """A gateway with both engines ready."""
    async with gateway(folder, ENGINES.format(models=models, more=more)) as over:
        await until_answering(over, MODELS, FRESH_S)
        yield over


def long_story(model: str) -> bytes:
    """A stream of hundreds of tokens."""
    asked = json.loads(body_of(model, "12+35=", stream=True, tokens=400))
    return json.dumps(asked | {"ignore_eos": True, "cache_prompt": False}).encode()


async def interrupted(over: Gateway, model: str, number: signal.Signals) -> Seen:
    """Ask for a long story, and strike its engine when the first words are there.

    An engine that was quicker than we were is asked again.
    """
    for _ in range(5):
        seen = await _struck(over, model, number)
        if not seen.complete:
            break
        await until_answering(over, (model,), FRESH_S)
    return seen


async def _struck(over: Gateway, model: str, number: signal.Signals) -> Seen:
    victims = over.engines(model)
    reader, writer = await asyncio.open_connection("127.0.0.1", over.port)
    writer.write(client.request(over.port, long_story(model)))
    raw = await reader.read(600)
    for engine in victims:
        engine.send_signal(number)
    seen = read_answer(raw, ended=False)
    try:
        async with asyncio.timeout(15):
            while not seen.complete and (data := await reader.read(65_536)):
                raw += data
                seen = read_answer(raw, ended=False)
    except ConnectionError:
        pass
    finally:
        writer.close()
    return seen


async def whole_story(over: Gateway, model: str) -> str:
    """The same, undisturbed."""
    seen = await over.chat(long_story(model), patience_s=30)
    assert seen.complete
    return content(seen)


@pytest.mark.parametrize("number", [KILLED, FROZEN])
def test_an_engine_lost_within_its_answer(
    models: Path, tmp_path: Path, number: signal.Signals
) -> None:
    async def scenario() -> None:
        async with engines(models, tmp_path) as over:
            right = await whole_story(over, "tally")
            lost = over.engines("tally")
            seen = await interrupted(over, "tally", number)
            assert seen.status == 200
            assert not seen.complete, "whoever reads must see that this is not all"
            assert b"[DONE]" not in seen.body
            assert right.startswith(content(seen))
            assert 0 < len(content(seen)) < len(right)
            # The other engine is not concerned, and the lost one comes back without anybody's help.
            assert (await over.chat(body_of("porter", "7+8=", stream=False))).status == 200
            await until_answering(over, MODELS, FRESH_S)
            assert gone_within([process.pid for process in lost], 10)
            assert await whole_story(over, "tally") == right
            assert len(over.engines("tally")) == 1
            assert await over.end() == 0
            assert not over.left_behind()

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [KILLED, FROZEN])
def test_who_has_a_fallback_gets_its_answer(
    models: Path, tmp_path: Path, number: signal.Signals
) -> None:
    async def scenario() -> None:
        async with engines(models, tmp_path, "fallbacks: {tally: [porter]}") as over:
            for engine in over.engines("tally"):
                engine.send_signal(number)
            asks = [over.chat(body_of("tally", "7+8=", stream=bool(n % 2))) for n in range(6)]
            answers = await asyncio.gather(*asks)
            assert [seen.status for seen in answers] == [200] * 6
            assert all(seen.complete and content(seen) == "15" for seen in answers)
            assert "porter" in {seen.header("x-weighbridge-model") for seen in answers}
            await until_answering(over, MODELS, FRESH_S)

    asyncio.run(scenario())


CRAMPED = """
models:
  tally: {{engine: llamacpp-embedded, source: {models}/tally-f16.gguf, context: 256, slots: 1}}
  porter: {{engine: llamacpp-embedded, source: {models}/porter-q8_0.gguf, context: 512, slots: 1}}
context_window_fallbacks: {{tally: [porter]}}
"""


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_an_engine_finds_too_long_goes_to_a_roomier_one(
    models: Path, tmp_path: Path, stream: bool
) -> None:
    async def scenario() -> None:
        async with gateway(tmp_path, CRAMPED.format(models=models)) as over:
            body = body_of("tally", "1+" * 180 + "1=", stream=stream, tokens=4)
            seen = await over.chat(body, patience_s=40)
            assert (seen.status, seen.header("x-weighbridge-model")) == (200, "porter")
            assert str(seen.header("x-weighbridge-route")).endswith("; too long for tally")
            assert seen.complete
            seen = await over.chat(body_of("tally", "1+1=", stream=stream), patience_s=40)
            assert (seen.status, seen.header("x-weighbridge-model")) == (200, "tally")

    asyncio.run(scenario())


COLD = """
models:
  tally: {{engine: llamacpp-embedded, source: {models}/tally-f16.gguf, context: 512, preload: true}}
  porter: {{engine: llamacpp-embedded, source: {models}/porter-q8_0.gguf, context: 512}}
signals: {{task: {{extraction: {{keywords: [extract, json]}}}}}}
routes:
  - {{when: {{task: extraction}}, use: [porter, tally]}}
  - {{use: [tally]}}
fallbacks: {{porter: [tally]}}
"""


@pytest.mark.parametrize("asked", ["auto", "porter"])
def test_the_right_model_is_started_although_its_fallback_is_ready(
    models: Path, tmp_path: Path, asked: str
) -> None:
    async def scenario() -> None:
        async with gateway(tmp_path, COLD.format(models=models)) as over:
            await until_answering(over, ("tally",), FRESH_S)
            assert (await over.models())["porter"]["state"] == "stopped"
            question = "Extract the sum as JSON: 12+35="
            seen = await over.chat(body_of(asked, question, stream=False), patience_s=30)
            assert (seen.status, seen.header("x-weighbridge-model")) == (200, "porter")

    asyncio.run(scenario())


@pytest.mark.parametrize("workers", [1, 2])
def test_an_engine_that_dies_while_nobody_asks_is_there_again_for_the_next(
    models: Path, tmp_path: Path, workers: int
) -> None:
    async def scenario() -> None:
        async with engines(models, tmp_path, f"workers: {workers}") as over:
            before = {process.pid for process in over.engines("porter")}
            for engine in over.engines("porter"):
                engine.kill()
            assert gone_within(before, 10)
            # Nobody could have begun with these: they wait for the engine to be there again.
            asks = [over.chat(body_of("porter", "7+8=", stream=bool(n % 2))) for n in range(6)]
            answers = await asyncio.gather(*asks)
            assert [seen.status for seen in answers] == [200] * 6
            assert {content(seen) for seen in answers} == {"15"}
            after = {process.pid for process in over.engines("porter")}
            assert len(after) == 1
            assert not before & after

    asyncio.run(scenario())


def test_an_engine_goes_and_comes_back_with_the_program_that_guards_it(
    models: Path, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with engines(models, tmp_path) as over:
            (engine,) = over.engines("porter")
            guardian = engine.parent()
            assert guardian is not None
            assert guardian.pid != over.process.pid
            guardian.kill()
            assert gone_within([guardian.pid, engine.pid], 10)
            await until_answering(over, MODELS, FRESH_S)
            assert [process.pid for process in over.engines("porter")] != [engine.pid]
            assert await over.end() == 0
            assert not over.left_behind()

    asyncio.run(scenario())


def test_nothing_outlives_a_gateway_that_is_killed(models: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engines(models, tmp_path) as over:
            assert len(over.processes()) >= 3
            await over.end(signal.SIGKILL)
            assert not over.left_behind(), [pid for pid in over.seen_pids if not is_gone(pid)]

    asyncio.run(scenario())


def test_answers_under_way_are_ended_before_the_gateway_ends(models: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engines(models, tmp_path) as over:
            right = await whole_story(over, "tally")
            stories = [asyncio.ensure_future(over.chat(long_story("tally"))) for _ in range(2)]
            async with asyncio.timeout(10):
                while (await over.models())["tally"]["in_flight"] < 2:
                    if all(story.done() for story in stories):
                        break
            assert await over.end() == 0
            for story in stories:
                seen = await story
                assert seen.complete
                assert content(seen) == right
            assert not over.left_behind()

    asyncio.run(scenario())


HOARDER = """
# A server of one model that does not want to go: deaf to SIGTERM, and with a worker that has moved
# out of its session and its process group, holds memory, and is deaf too.
import http.server, json, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
name, port, mark = sys.argv[1], int(sys.argv[2]), f"of {os.getpid()}"
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    held = bytearray(os.urandom(1)) * (64 * 2**20)
    with open(sys.argv[3], "a") as pids:
        pids.write(f"{os.getpid()} {mark}\\n")
    while True:
        time.sleep(60)
os.wait()
while not os.path.exists(sys.argv[3]) or mark not in open(sys.argv[3]).read():
    time.sleep(0.01)

class Handler(http.server.BaseHTTPRequestHandler):
    def _answer(self, told):
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self._answer({"object": "list", "data": [{"id": name, "object": "model"}]})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": f"I am {name}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        self._answer({"id": "1", "model": name, "choices": [choice], "usage": usage})

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
HOARDERS = """
machine: {{memory: 300 MiB, device: cpu}}
models:
  greedy: {{cmd: "{python} {script} greedy ${{PORT}} {pids}", memory: 200 MiB, cold_start: 20s}}
  needy: {{cmd: "{python} {script} needy ${{PORT}} {pids}", memory: 200 MiB, cold_start: 20s}}
"""


def held_pids(path: Path) -> list[int]:
    """The workers that were ever started."""
    return [int(line.split()[0]) for line in path.read_text().splitlines()]


@pytest.mark.slow  # what is deaf to SIGTERM is given its time, three times over
def test_memory_that_is_held_on_to_is_taken_back_before_the_next_starts(tmp_path: Path) -> None:
    script, pids = tmp_path / "hoarder.py", tmp_path / "pids"
    script.write_text(HOARDER)
    config = HOARDERS.format(python=sys.executable, script=script, pids=pids)

    async def scenario() -> None:
        async with gateway(tmp_path, config) as over:
            for model in ("greedy", "needy", "greedy"):
                began = time.monotonic()
                seen = await over.chat(body_of(model, "Who?", stream=False), patience_s=60)
                assert content(seen) == f"I am {model}", over.log
                assert time.monotonic() - began < 40
                alive = [pid for pid in held_pids(pids) if not is_gone(pid)]
                assert len(alive) == 1, "the one before has gone, with all that it started"
            assert await over.end() == 0
            assert gone_within(held_pids(pids), 10)
            assert not over.left_behind()

    asyncio.run(scenario())


def test_the_questions_have_answers_to_compare(models: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engines(models, tmp_path) as over:
            for question in QUESTIONS:
                seen = [
                    await over.chat(body_of("tally", question, stream=stream))
                    for stream in (False, True, True)
                ]
                assert len({content(answer) for answer in seen}) == 1
            assert all(isinstance(process, psutil.Process) for process in over.engines("tally"))

    asyncio.run(scenario())
