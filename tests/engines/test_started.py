"""Every adapter against a program that speaks its engine's language, started for real."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from tests.processes import gone_within, is_gone
from weighbridge.core.errors import ConfigError, EngineError
from weighbridge.engines.adapter import Wanted
from weighbridge.engines.failure import OutOfMemoryError
from weighbridge.engines.started import Engine, EngineLauncher
from weighbridge.wire.client import Client

FAKE = Path(__file__).with_name("fake_engine.py")
PROGRAMS = ("vllm", "python", "trtllm-serve", "llama-server", "ollama")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Engines' programs on the PATH are the fake; where it logs."""
    for name in PROGRAMS:
        shim = tmp_path / "bin" / name
        shim.parent.mkdir(exist_ok=True)
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} "$@"\n')
        shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    return tmp_path / "log"


def wanted(engine: str, **changed: object) -> Wanted:
    return Wanted("m", engine, "org/model", "m", **changed)  # type: ignore[arg-type]


def with_engine(
    what: Wanted,
    use: Callable[[Engine], Coroutine[None, None, None]],
    deadline_s: float = 20,
) -> None:
    async def scenario() -> None:
        async with Client() as client:
            engine = await EngineLauncher(client, grace_s=0.5).launch(what, deadline_s)
            try:
                await use(engine)
            finally:
                await engine.stop(1.0)

    asyncio.run(scenario())


async def nothing(engine: Engine) -> None:
    assert engine.is_alive()
    assert await engine.is_well(2.0)
    assert (await engine.memory() or 0) > 2**20


def lines(log: Path, beginning: str) -> list[str]:
    return [line for line in log.read_text().splitlines() if line.startswith(beginning)]


def arguments(log: Path) -> list[str]:
    found: list[str] = json.loads(lines(log, "argv ")[-1].removeprefix("argv "))
    return found


def without_port(words: list[str]) -> str:
    at = words.index("--port")
    return " ".join(words[:at] + words[at + 2 :])


def workers(log: Path) -> list[int]:
    return [int(line.split()[1]) for line in lines(log, "worker ")]


def test_vllm_is_started_with_an_explicit_share_of_the_card(log: Path) -> None:
    args = ("--max-num-seqs=9",)
    what = wanted("vllm", context=512, on_gpu=True, memory_share=0.4, args=args, sleep=1)
    with_engine(what, nothing)
    assert without_port(arguments(log)) == (
        "serve org/model --host 127.0.0.1 --served-model-name m --max-model-len 512 "
        "--gpu-memory-utilization 0.4 --enable-sleep-mode --max-num-seqs=9"
    )
    assert lines(log, "/v1/completions")  # one token before anybody is served
    assert all(is_gone(pid) for pid in workers(log))


@pytest.mark.parametrize(
    ("level", "woken"),
    [
        (1, ["/wake_up"]),
        (
            2,
            [
                "/wake_up?tags=weights",
                '/collective_rpc {"method":"reload_weights"}',
                "/wake_up?tags=kv_cache",
                "/reset_prefix_cache",
            ],
        ),
    ],
)
def test_vllm_wakes_in_the_order_that_keeps_answers_right(
    log: Path, level: int, woken: list[str]
) -> None:
    async def use(engine: Engine) -> None:
        assert engine.can_sleep
        await engine.sleep()
        await engine.wake()

    with_engine(wanted("vllm", sleep=level), use)
    asked = [line for line in lines(log, "/") if not line.startswith("/v1/")]
    assert asked == [f"/sleep?level={level}", *woken]
    assert lines(log, "/")[-1].startswith("/v1/completions")  # warm before it serves


def test_an_engine_that_cannot_sleep_says_so(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE", "no sleep")

    async def use(engine: Engine) -> None:
        with pytest.raises(EngineError, match=r"/sleep\?level=1 with status 500"):
            await engine.sleep()

    with_engine(wanted("vllm", sleep=1), use)
    assert log.exists()


def test_sglang(log: Path) -> None:
    with_engine(wanted("sglang", context=512, on_gpu=True, memory_share=0.5), nothing)
    assert without_port(arguments(log)) == (
        "-m sglang.launch_server --model-path org/model --host 127.0.0.1 --served-model-name m "
        "--context-length 512 --max-running-requests 4 --mem-fraction-static 0.44"
    )


def test_tensorrt_llm_names_the_model_itself(log: Path) -> None:
    async def use(engine: Engine) -> None:
        assert engine.endpoint.model == "its-own-name"
        assert not engine.can_sleep

    with_engine(wanted("trtllm", context=512, on_gpu=True), use)
    assert without_port(arguments(log)) == (
        "org/model --host 127.0.0.1 --max_seq_len 512 --max_batch_size 4 "
        "--kv_cache_free_gpu_memory_fraction 0.9"
    )


def test_llama_server_divides_its_context_among_slots(log: Path) -> None:
    with_engine(wanted("llamacpp", context=512, args=("-ngl", "99")), nothing)
    assert without_port(arguments(log)) == (
        "--model org/model --alias m --host 127.0.0.1 --ctx-size 2048 --parallel 4 -ngl 99"
    )


def test_any_command_gets_its_port_and_no_shell(log: Path) -> None:
    command = f"{sys.executable} '{FAKE}' --port ${{PORT}} --said '$HOME; ls'"

    async def use(engine: Engine) -> None:
        port = engine.endpoint.base.port
        assert arguments(log) == ["--port", str(port), "--said", "$HOME; ls"]

    with_engine(wanted("cmd", cmd=command, ready_path="/anything"), use)


def test_a_command_of_its_own_ends_it(log: Path, tmp_path: Path) -> None:
    stop = f"{sys.executable} -c 'import sys; open(sys.argv[1], \"w\")' {tmp_path}/ended-${{PORT}}"
    command = f"{sys.executable} {FAKE} --port ${{PORT}}"
    port = 0

    async def use(engine: Engine) -> None:
        nonlocal port
        port = engine.endpoint.base.port

    with_engine(wanted("cmd", cmd=command, stop=stop), use)
    assert (tmp_path / f"ended-{port}").exists()
    assert all(is_gone(pid) for pid in workers(log))


@pytest.mark.parametrize("command", ["", "  ", "run 'it"])
def test_a_command_that_is_none_is_refused(command: str) -> None:
    with pytest.raises(ConfigError, match=r"models\.m: the command"):
        with_engine(wanted("cmd", cmd=command), nothing)


def test_ollama_of_our_own_is_loaded_by_asking(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.engines.attached_ollama.DEFAULT_HOST", "127.0.0.1:9")
    what = Wanted("m", "ollama", "llama3", "llama3")
    with_engine(what, nothing)
    assert arguments(log) == ["serve"]
    assert lines(log, "/api/generate") == ['/api/generate {"model":"llama3","stream":false}']
    assert all(is_gone(pid) for pid in workers(log))


def test_ollama_of_somebody_else_is_only_asked(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(host: Engine) -> None:
        address = f"127.0.0.1:{host.endpoint.base.port}"
        what = Wanted("m", "ollama", "llama3", "llama3", env={"OLLAMA_HOST": address})
        async with Client() as client:
            engine = await EngineLauncher(client).launch(what, 10)
            assert await engine.memory() == 1234567
            assert engine.may_leave
            assert engine.is_alive()
            await engine.stop(1.0)
            assert not engine.is_alive()
            assert host.is_alive()
            unknown = Wanted("m", "ollama", "unknown", "unknown", env={"OLLAMA_HOST": address})
            with pytest.raises(EngineError, match="'unknown' not found"):
                await EngineLauncher(client).launch(unknown, 10)

    monkeypatch.setattr("weighbridge.engines.attached_ollama.DEFAULT_HOST", "127.0.0.1:9")
    with_engine(wanted("llamacpp"), use)
    assert '/api/generate {"model":"llama3","keep_alive":0,"stream":false}' in lines(log, "/api")


def test_running_out_of_memory_is_told_apart(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE", "out of memory")
    with pytest.raises(OutOfMemoryError, match=r"CUDA out of memory\. Tried 2 GiB") as failed:
        with_engine(wanted("vllm"), nothing)
    assert "a smaller context" in failed.value.fix
    assert log.exists()


def test_a_deadline_leaves_nothing_behind(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE", "never ready")
    with pytest.raises(EngineError, match="not ready after 1 s; the last it said: still comp"):
        with_engine(wanted("vllm"), nothing, deadline_s=1.0)
    assert workers(log) == []


def test_a_command_without_the_health_path_needs_another_one(tmp_path: Path) -> None:
    words = f"{sys.executable} -m http.server ${{PORT}} --bind 127.0.0.1 --directory {tmp_path}"
    with pytest.raises(EngineError, match="answers /health with status 404") as failed:
        with_engine(wanted("cmd", cmd=words), nothing, deadline_s=3.0)
    assert "`ready_path`" in failed.value.fix
    assert "cold_start" not in failed.value.fix
    assert str(tmp_path) not in failed.value.for_clients


def test_a_port_taken_meanwhile_is_tried_again(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE", "port taken once")
    with_engine(wanted("vllm"), nothing)
    assert len(lines(log, "argv ")) == 2


def test_another_model_than_wanted_is_not_served(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", "other name")
    with pytest.raises(EngineError, match="serves somebody-else, not m"):
        with_engine(wanted("vllm"), nothing)
    assert all(is_gone(pid) for pid in workers(log))


def test_healthy_is_not_enough(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE", "broken")
    with pytest.raises(EngineError, match=r"is up but generates nothing.*illegal memory access"):
        with_engine(wanted("vllm"), nothing)
    assert all(is_gone(pid) for pid in workers(log))


def test_a_model_of_embeddings_need_not_generate(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", "embeddings only")
    with_engine(wanted("vllm", can=("embeddings",)), nothing)
    with pytest.raises(EngineError, match="does not generate"):
        with_engine(wanted("vllm"), nothing)
    assert log.exists()


def test_a_stranger_on_the_port_is_not_taken_for_the_engine(log: Path) -> None:
    async def use(stranger: Engine) -> None:
        port = stranger.endpoint.base.port
        command = f"sleep 600 {port}"
        async with Client() as client:
            launcher = EngineLauncher(client, grace_s=0.1)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("weighbridge.engines.started.free_port", lambda: port)
                with pytest.raises(EngineError, match=f"somebody else answers on port {port}"):
                    await launcher.launch(wanted("cmd", cmd=command), 5)

    with_engine(wanted("llamacpp"), use)
    assert log.exists()


def test_a_halted_engine_is_not_well_and_a_crash_has_a_reason(log: Path) -> None:
    async def use(engine: Engine) -> None:
        pids = await engine.pids()
        os.kill(pids[0], signal.SIGSTOP)
        assert not await engine.is_well(0.5)
        os.kill(pids[0], signal.SIGKILL)
        async with asyncio.timeout(5):
            while engine.is_alive():  # noqa: ASYNC110 -- a process's end is no event
                await asyncio.sleep(0.01)
        assert "ended by itself" in str(engine.why_ended())
        assert gone_within(workers(log), 2)

    with_engine(wanted("vllm"), use)
