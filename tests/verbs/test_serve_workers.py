"""A gateway of several processes, with a real engine behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from tests.processes import gone_within
from tests.verbs.test_serve import CONFIG, ask, children, get, serving
from tests.waiting import until
from weighbridge.core.endpoint import endpoint_at
from weighbridge.wire.client import Client


def is_worker(process: psutil.Process) -> bool:
    try:
        return "weighbridge.verbs.serve_worker" in process.cmdline()
    except psutil.Error:  # it has just ended
        return False


def workers() -> list[int]:
    return [process.pid for process in children() if is_worker(process)]


def listening() -> list[int]:
    """Workers that answer already."""
    found = []
    for process in children():
        with suppress(psutil.Error):
            sockets = process.net_connections("tcp")
            if is_worker(process) and any(one.status == psutil.CONN_LISTEN for one in sockets):
                found.append(process.pid)
    return found


def write(folder: Path, models: Path, more: str = "") -> Path:
    path = folder / "router.config.yaml"
    path.write_text(f"workers: 2\nadmin: 127.0.0.1:0\n{more}" + CONFIG.format(models=models))
    return path


def test_workers_share_a_port_engines_and_counters(models: Path, tmp_path: Path) -> None:
    path = write(tmp_path, models, f"listen: ['127.0.0.1:0', 'unix:{tmp_path}/gateway.sock']\n")

    async def scenario() -> None:
        async with serving(path) as (client, running), asyncio.timeout(60):
            assert len(workers()) == 2
            auto = endpoint_at(running.url, "auto")
            asked = [ask(client, auto, f"{number}+{number}=") for number in range(1, 33)]
            answers = await asyncio.gather(*asked)
            assert {model for _, model in answers} == {"tally"}
            assert sum(text == str(2 * n) for n, (text, _) in enumerate(answers, start=1)) >= 30
            # One engine, whichever worker asked for it.
            engines = [one for one in children() if "llamacpp_child" in " ".join(one.cmdline())]
            assert {"tally-f16" in " ".join(one.cmdline()) for one in engines} == {True}
            await until(lambda: running.center.view().requests == 32)
            text = (await get(client, f"{running.url}/metrics")).body.decode()
            assert 'weighbridge_requests_total{model="tally"' in text
            assert text.count("weighbridge_process_open_fds{") == 2
            tally = running.center.view().models[0]
            assert (tally.in_flight, tally.queued) == (0, 0)
            assert tally.ttft_s is not None
            _, writer = await asyncio.open_unix_connection(tmp_path / "gateway.sock")
            writer.close()
            await writer.wait_closed()

    asyncio.run(scenario())
    assert children() == []


def test_a_killed_worker_gives_back_what_it_held_and_is_replaced(
    models: Path, tmp_path: Path
) -> None:
    path = write(tmp_path, models)
    told: list[str] = []

    async def scenario() -> None:
        async with serving(path, told) as (client, running), asyncio.timeout(60):
            auto = endpoint_at(running.url, "auto")
            await ask(client, auto, "1+1=")
            for _ in range(3):
                first = workers()
                async with Client() as other:
                    asked = [asyncio.ensure_future(ask(other, auto, "2+2=")) for _ in range(16)]
                    await asyncio.sleep(0.02)
                    os.kill(first[0], signal.SIGKILL)
                    await asyncio.gather(*asked, return_exceptions=True)
                await until(lambda gone=first[0]: gone not in listening() and len(listening()) == 2)  # type: ignore[misc]
                assert (await ask(client, auto, "3+4="))[0] == "7"
            await until(lambda: running.center.fleet.views["tally"].in_flight == 0)
            counted = running.center.view()
            assert counted.requests >= 4

    asyncio.run(scenario())
    assert any("SIGKILL" in line for line in told)


def test_a_frozen_worker_is_replaced(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.serve.workers.keeper._PING_S", 0.3)
    path = write(tmp_path, models)
    told: list[str] = []

    async def scenario() -> None:
        async with serving(path, told) as (_, running), asyncio.timeout(60):
            first = workers()
            await asyncio.sleep(3.0)  # they answer, so they stay
            assert workers() == first
            os.kill(first[0], signal.SIGSTOP)
            await until(lambda: first[0] not in listening() and len(listening()) == 2)
            async with Client() as client:
                assert (await get(client, f"{running.url}/v1/models")).head.status == 200

    asyncio.run(scenario())
    assert sum("had not answered for" in line for line in told) == 1


def test_a_changed_file_reaches_every_worker(models: Path, tmp_path: Path) -> None:
    path = write(tmp_path, models)
    told: list[str] = []

    async def scenario() -> set[str]:
        async with serving(path, told) as (_, running), asyncio.timeout(60):
            path.write_text(
                path.read_text().replace("tally:", "adder:").replace("[tally]", "[adder]")
            )
            await until(lambda: any("is in use" in line for line in told))
            await asyncio.sleep(0.3)
            seen = set()
            for _ in range(12):  # connections of their own: the kernel chooses the worker
                async with Client() as client:
                    listed = msgspec.json.decode(
                        (await get(client, f"{running.url}/v1/models")).body
                    )
                    seen.add(listed["data"][0]["id"])
            return seen

    assert asyncio.run(scenario()) == {"adder"}


def test_nothing_outlives_a_keeper_that_is_killed(models: Path, tmp_path: Path) -> None:
    path = write(tmp_path, models)

    async def scenario() -> list[int]:
        said = tmp_path / "log"
        with said.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "weighbridge.cli", "serve", str(path), "--port", "0",
                stdout=log, stderr=log, cwd=tmp_path,
            )  # fmt: skip
        async with asyncio.timeout(30):
            await until(lambda: b"Stop with" in said.read_bytes())
        text = said.read_bytes()
        url = text.decode().partition(" at ")[2].partition(". Stop")[0]
        async with Client() as client:
            await ask(client, endpoint_at(url, "auto"), "1+1=")
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 4
        process.kill()
        await process.wait()
        return [one.pid for one in family]

    before = set(Path(tempfile.gettempdir()).glob("weighbridge-*"))
    assert gone_within(asyncio.run(scenario()), 5)
    assert set(Path(tempfile.gettempdir()).glob("weighbridge-*")) <= before
