from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from weighbridge.core.effects import EngineSpec
from weighbridge.core.errors import EngineError, FormatError, InputError
from weighbridge.core.http import Request, Timeouts
from weighbridge.engines.llamacpp_embedded import EmbeddedLlamaCpp, RunningLlamaCpp
from weighbridge.wire.chat import decode_completion, render_chat
from weighbridge.wire.client import Client

ResultT = TypeVar("ResultT")


def with_engine(
    source: Path,
    use: Callable[[RunningLlamaCpp, Client], Awaitable[ResultT]],
    *,
    deadline_s: float = 60,
) -> ResultT:
    async def scenario() -> ResultT:
        async with Client() as client:
            spec = EngineSpec("tally", str(source), context=256, slots=2, threads=1)
            engine = await EmbeddedLlamaCpp(client).launch(spec, deadline_s)
            try:
                return await use(engine, client)
            finally:
                await engine.stop()

    return asyncio.run(scenario())


def children() -> int:
    return len(psutil.Process().children(recursive=True))


def test_it_answers_describes_itself_and_ends(models: Path) -> None:
    async def use(engine: RunningLlamaCpp, client: Client) -> tuple[str, dict[str, str], int]:
        body = render_chat(
            "tally",
            [{"role": "user", "content": "12+35="}],
            max_tokens=8,
            temperature=0,
            stream=False,
        )
        request = Request("POST", engine.endpoint.chat, engine.endpoint.headers, body)
        answer = decode_completion(await client.fetch(request, Timeouts()), engine.endpoint)
        assert answer.model == "tally"
        return answer.content, await engine.describe(), engine.memory_bytes() or 0

    content, described, memory = with_engine(models / "tally-f16.gguf", use)
    assert content == "47"
    assert described["engine"] == "llamacpp-embedded"
    assert described["context"] == "256"
    assert 2**20 < memory < 2**30
    assert children() == 0


async def unused(_engine: RunningLlamaCpp, _client: Client) -> None:
    raise AssertionError("it must not start")


def test_a_missing_file_is_the_users_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.gguf"):
        with_engine(tmp_path / "none.gguf", unused)


def test_a_truncated_file_is_refused_before_anything_starts(models: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((models / "tally-f16.gguf").read_bytes()[:50_000])
    with pytest.raises(FormatError):
        with_engine(cut, unused)


def test_what_llama_cpp_does_not_know_is_a_sentence_and_leaves_nothing_running(
    models: Path, tmp_path: Path
) -> None:
    strange = tmp_path / "strange.gguf"
    shutil.copy(models / "tally-f16.gguf", strange)
    content = strange.read_bytes()
    # An architecture of the same length that no engine has heard of, in every key.
    strange.write_bytes(content.replace(b"llama", b"lamma"))
    with pytest.raises(EngineError, match=r"cannot serve .*strange.gguf: .*lamma"):
        with_engine(strange, unused)
    assert children() == 0


def test_a_deadline_that_passes_leaves_nothing_running(models: Path) -> None:
    with pytest.raises(EngineError, match="not ready after"):
        with_engine(models / "tally-f16.gguf", unused, deadline_s=0.01)
    assert children() == 0
