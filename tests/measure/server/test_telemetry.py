from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, perf_counter_ns

import pytest

from tests.measure.server.test_gpus import program
from tests.wire.conftest import until
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.http import Timeouts, parse_url
from weighbridge.core.load import LoadLevel
from weighbridge.core.telemetry import ServerSample, ServerSide
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.server.gpus import GpuReading, GpuWatch
from weighbridge.measure.load.server.server_side import added_up
from weighbridge.measure.load.server.telemetry import Telemetry, is_this_host
from weighbridge.wire.server import Responder, ServerRequest, serve

BUSY = "while :; do echo '0, 100, 90, 300'; sleep 0.02; done"


@dataclass
class Engine:
    """A fake engine's metrics, growing with each reading."""

    path: str = "/metrics"
    status: int = 200
    body: bytes | None = None
    step: int = 0
    lag: int = 0
    reads: int = 0
    hang_after: int | None = None
    paths: list[str] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    requests: int = 0

    async def handle(self, request: ServerRequest, responder: Responder) -> None:
        self.paths.append(request.path)
        self.keys += [value for name, value in request.headers if name == b"authorization"]
        if request.path != self.path:
            responder.error(404, "no such path", "not_found_error")
            return
        self.reads += 1
        if self.hang_after is not None and self.reads > self.hang_after:
            await responder.client_gone.wait()
            return
        self.requests += self.step
        responder.send(self.status, ((b"content-type", b"text/plain"),), self.body or self.text())

    def text(self) -> bytes:
        return (
            f'vllm:num_requests_running{{model_name="m"}} 2\n'
            f'vllm:num_requests_waiting{{model_name="m"}} 1\n'
            f'vllm:kv_cache_usage_perc{{model_name="m"}} 0.25\n'
            f'vllm:prompt_tokens_total{{model_name="m"}} {self.requests * 100}\n'
            f'vllm:generation_tokens_total{{model_name="m"}} {self.requests * 10}\n'
            f'vllm:request_success_total{{finished_reason="stop",model_name="m"}} {self.requests}\n'
        ).encode()


@asynccontextmanager
async def running(
    engine: Engine, *, watch: GpuWatch | None = None, url: str | None = None, key: str | None = None
) -> AsyncIterator[Telemetry]:
    async with await serve(engine.handle, "127.0.0.1", 0) as server:
        endpoint = endpoint_at(f"{server.url}/v1", "m", key)
        own = None if url is None else parse_url(server.url).join(url)
        yield Telemetry(endpoint, url=own, interval_s=0.05, gpus=watch)


def test_a_level_as_its_engine_saw_it() -> None:
    engine = Engine()

    async def main() -> None:
        async with running(engine, key="secret") as telemetry:
            for level in range(2):
                engine.requests += 1000  # before the level: none of its business
                await telemetry.start()
                engine.requests += 7 + level
                enough = engine.reads + 4
                await until(lambda: engine.reads >= enough)  # noqa: B023 -- awaited at once
                side = await telemetry.stop()
                assert side is not None
                assert side.engine == "vLLM"
                assert (side.requests, side.prompt_tokens, side.output_tokens) == (
                    7 + level,
                    100 * (7 + level),
                    10 * (7 + level),
                )
                assert (side.preemptions, side.energy_j, side.notes) == (None, None, ())
                first = side.samples[0]
                assert (first.at_s, first.running, first.waiting, first.kv_used) == (0, 2, 1, 0.25)
                assert first.power_w is None
                assert 4 <= len(side.samples) <= 6
                times = [sample.at_s for sample in side.samples]
                assert times == sorted(times)
            assert telemetry.notes == ()

    asyncio.run(main())
    assert set(engine.paths) == {"/metrics"}
    assert set(engine.keys) == {b"Bearer secret"}


def test_what_is_counted_late_still_counts() -> None:
    engine = Engine()

    async def main() -> None:
        async with running(engine) as telemetry:
            await telemetry.start()
            stopping = asyncio.create_task(telemetry.stop())
            await until(lambda: engine.reads > 1)
            engine.requests += 5
            side = await stopping
            assert side is not None
            assert side.requests == 5

    asyncio.run(main())


def test_counting_that_never_rests_ends() -> None:
    engine = Engine(step=1)

    async def main() -> None:
        async with running(engine) as telemetry:
            await telemetry.start()
            side = await telemetry.stop()
            assert side is not None
            assert side.requests is not None
            assert side.requests > 5

    asyncio.run(main())


@pytest.mark.parametrize(
    ("engine", "note"),
    [
        (Engine("/none"), "/metrics: It answered with status 404."),
        (Engine(body=b"<!doctype html><p>hi"), "/metrics: It answered with HTML."),
        (Engine(body=b"go_goroutines 8\n"), "no metrics of an engine that we know"),
        (Engine(status=503), "status 503"),
        (Engine(body=b"x" * 9_000_000), "more than 8 MiB"),
        (Engine(hang_after=0), "did not begin its answer within"),
    ],
)
def test_without_metrics_there_is_a_note(
    engine: Engine, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "weighbridge.measure.load.server.telemetry._TIMEOUTS", Timeouts(1, 0.1, 0.1, 1)
    )

    async def main() -> None:
        async with running(engine) as telemetry:
            await telemetry.start()
            await asyncio.sleep(0.12)
            assert await telemetry.stop() is None
            assert len(telemetry.notes) == 1
            assert note in telemetry.notes[0]

    asyncio.run(main())
    # Asked once at each address, never again.
    assert len(engine.paths) == len(set(engine.paths))


def test_nobody_there() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            endpoint = endpoint_at(f"http://127.0.0.1:{taken.getsockname()[1]}", "m")
            telemetry = Telemetry(endpoint)
            await telemetry.start()
            assert await telemetry.stop() is None
            assert "refused" in telemetry.notes[0]
            # Stopping what was not started is nothing.
            assert await telemetry.stop() is None

    asyncio.run(main())


def test_tensorrt_llm_keeps_its_metrics_elsewhere() -> None:
    engine = Engine("/prometheus/metrics", body=b"trtllm_request_success_total 5\n")

    async def main() -> None:
        async with running(engine) as telemetry:
            await telemetry.start()
            await asyncio.sleep(0.06)
            side = await telemetry.stop()
            assert side is not None
            assert (side.engine, side.requests, side.output_tokens) == ("TensorRT-LLM", 0, None)

    asyncio.run(main())
    assert engine.paths[0] == "/metrics"
    assert set(engine.paths[1:]) == {"/prometheus/metrics"}


def test_another_address() -> None:
    engine = Engine("/elsewhere")

    async def main() -> None:
        async with running(engine, url="elsewhere") as telemetry:
            await telemetry.start()
            assert await telemetry.stop() is not None

    asyncio.run(main())
    assert set(engine.paths) == {"/elsewhere"}


def test_metrics_that_stop_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "weighbridge.measure.load.server.telemetry._TIMEOUTS", Timeouts(1, 0.1, 0.1, 1)
    )
    engine = Engine(hang_after=2)

    async def main() -> None:
        async with running(engine) as telemetry:
            await telemetry.start()
            await asyncio.sleep(0.2)
            side = await telemetry.stop()
            assert side is not None
            assert len(side.samples) == 2
            assert side.requests is None
            assert "Some of the engine's metrics are missing." in side.notes[0]

    asyncio.run(main())


def test_an_engine_started_anew() -> None:
    engine = Engine(requests=50)

    async def main() -> None:
        async with running(engine) as telemetry:
            await telemetry.start()
            engine.requests = 3
            side = await telemetry.stop()
            assert side is not None
            assert side.requests is None
            assert "started anew" in side.notes[0]

    asyncio.run(main())


def test_gpus_of_this_host(tmp_path: Path) -> None:
    watch = GpuWatch(program(tmp_path, BUSY))

    async def main() -> None:
        async with running(Engine("/none"), watch=watch) as telemetry:
            await telemetry.start()
            began = perf_counter()
            await asyncio.sleep(0.3)
            side = await telemetry.stop()
            seconds = perf_counter() - began
            assert side is not None
            assert side.engine == ""
            sample = side.samples[-1]
            assert (sample.gpu_memory_bytes, sample.gpu_use, sample.power_w) == (
                100 * 2**20,
                0.9,
                300,
            )
            assert sample.running is None
            assert side.energy_j is not None
            assert 0.3 * 300 <= side.energy_j <= seconds * 300

    asyncio.run(main())
    assert watch._process is None


def test_idle_gpus_do_not_serve(tmp_path: Path) -> None:
    watch = GpuWatch(program(tmp_path, BUSY.replace("90", "0")))

    async def main() -> None:
        async with running(Engine(), watch=watch) as telemetry:
            await telemetry.start()
            await asyncio.sleep(0.1)
            side = await telemetry.stop()
            assert side is not None
            assert side.energy_j is None
            assert side.samples[0].power_w is None
            assert "idle" in side.notes[0]
        async with running(Engine("/none"), watch=watch) as telemetry:
            await telemetry.start()
            assert await telemetry.stop() is None

    asyncio.run(main())


@pytest.mark.parametrize(
    ("lines", "is_kept"),
    [
        (["0, 1, 0, 90", "1, 1, 0, 90"], False),
        (["0, 1, 0, 90", "1, 1, 0, 90", "2, 1, 0, 90", "3, 1, 2, 90"], True),  # one of many
        (["0, 1, [N/A], 90"], True),  # split among tenants: nobody can tell
    ],
)
def test_which_gpus_are_idle(lines: list[str], is_kept: bool, tmp_path: Path) -> None:
    script = "while :; do " + "; ".join(f"echo '{line}'" for line in lines) + "; sleep 0.02; done"
    watch = GpuWatch(program(tmp_path, script))

    async def main() -> None:
        async with running(Engine(), watch=watch) as telemetry:
            await telemetry.start()
            await asyncio.sleep(0.1)
            side = await telemetry.stop()
            assert side is not None
            assert (side.energy_j is not None) is is_kept
            assert (side.samples[-1].power_w is not None) is is_kept

    asyncio.run(main())


def test_gpus_of_this_host_tell_nothing_of_another(tmp_path: Path) -> None:
    watch = GpuWatch(program(tmp_path, BUSY))

    async def main() -> None:
        telemetry = Telemetry(endpoint_at("http://192.0.2.1:9", "m"), gpus=watch)
        task = asyncio.create_task(telemetry.start())
        await asyncio.sleep(0.1)
        assert watch._process is None
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())


def test_which_hosts_are_this_one() -> None:
    assert is_this_host("127.0.0.1")
    assert is_this_host("localhost")
    assert is_this_host("::1")
    assert not is_this_host("192.0.2.1")
    assert not is_this_host("no-such-host.invalid")
    assert not is_this_host("a" * 300)


def test_sampling_takes_little_of_the_loop() -> None:
    """Less than a millisecond of CPU per sample, on a page as large as a real server's."""
    bucket = b'vllm:request_time_seconds_bucket{engine="0",le="%d",model_name="m"} 12.0\n'
    page = b"".join(bucket % number for number in range(1000)) + Engine().text()
    engine = Engine(body=page)
    times: list[int] = []

    async def main() -> None:
        async with running(engine) as telemetry:
            await telemetry.start()
            for _ in range(20):
                began = perf_counter_ns()
                await telemetry._read(telemetry._urls[0])
                times.append(perf_counter_ns() - began)
            await telemetry.stop()

    asyncio.run(main())
    # The server of this test is in the same loop; the best of twenty is one without other work.
    assert min(times) < 5e6


def test_energy_per_thousand_requests() -> None:
    def level(errors: int, energy_j: float | None) -> LoadLevel:
        return LoadLevel(
            LoadShape("closed", 1), 12, errors, (), "", 1.0, 1.0, 0, 0.0, "usage",
            None, None, None, None, server=ServerSide("vLLM", energy_j=energy_j),
        )  # fmt: skip

    assert level(2, 500.0).energy_j_per_1000_requests == 50_000
    assert level(2, None).energy_j_per_1000_requests is None
    assert level(12, 500.0).energy_j_per_1000_requests is None


def test_several_gpus_are_told(tmp_path: Path) -> None:
    script = "while :; do echo '0, 1, 90, 100'; echo '1, 1, 90, 100'; sleep 0.02; done"
    watch = GpuWatch(program(tmp_path, script))

    async def main() -> None:
        async with running(Engine(), watch=watch) as telemetry:
            await telemetry.start()
            await asyncio.sleep(0.1)
            side = await telemetry.stop()
            assert side is not None
            assert side.notes == ("All 2 GPUs of this host are counted.",)
            assert isinstance(watch.readings[0], GpuReading)

    asyncio.run(main())


def test_an_interruption_before_the_level_leaves_nothing(tmp_path: Path) -> None:
    watch = GpuWatch(program(tmp_path, BUSY))

    async def main() -> None:
        async with running(Engine(hang_after=0), watch=watch) as telemetry:
            task = asyncio.create_task(telemetry.start())
            await until(lambda: watch.readings)
            await asyncio.sleep(0.05)
            assert watch._process is not None
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert watch._process is None
            assert await telemetry.stop() is None

    asyncio.run(main())


def test_repeats_are_added_up() -> None:
    one = ServerSide("vLLM", (ServerSample(0.5, running=1),), 3, 30, 9, 0, 1, 50.0, 29, ("a",))
    two = ServerSide("vLLM", (ServerSample(0.25),), 4, 40, 12, None, 2, 70.0, 38, ("a", "b"))
    both = added_up([one, two], [0.0, 10.0])
    assert both == ServerSide(
        "vLLM",
        (ServerSample(0.5, running=1), ServerSample(10.25)),
        *(7, 70, 21, None, 3, 120.0, 67),
        ("a", "b"),
    )
    assert added_up([one, None], [0.0, 1.0]) is None
    assert added_up([], []) is None
