"""The gateway with real engines, started from a file as `weigh serve` does."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from tests.serve.engines import NOBODY, FakeEngine, FakeLauncher
from tests.wire.conftest import until
from weighbridge.cli.serve import command
from weighbridge.core.effects import EngineSpec
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import ConfigError, EngineError, ExternalError, StatusError
from weighbridge.core.http import Request, Timeouts, parse_url
from weighbridge.core.routing import RouterConfig
from weighbridge.engines.llamacpp_embedded import EmbeddedLlamaCpp
from weighbridge.serve.config import parse_config, read_config
from weighbridge.verbs.serve import gateway, serve
from weighbridge.wire.chat import decode_completion, render_chat
from weighbridge.wire.client import Client

CONFIG = """
models:
  tally: {{engine: llamacpp-embedded, source: {models}/tally-f16.gguf, context: 256, slots: 2}}
  clerk: {{engine: llamacpp-embedded, source: {models}/clerk-f16.gguf, context: 256, slots: 2}}
signals:
  task:
    arithmetic: {{keywords: ["+", plus]}}
    extraction: {{keywords: [json, extract]}}
routes:
  - {{when: {{task: arithmetic}}, use: [tally]}}
  - {{when: {{task: extraction}}, use: [clerk]}}
  - {{use: [clerk]}}
"""


async def ask(client: Client, endpoint: Endpoint, text: str) -> tuple[str, str]:
    body = render_chat(
        endpoint.model,
        [{"role": "user", "content": text}],
        max_tokens=48,
        temperature=0,
        stream=False,
    )
    request = Request("POST", endpoint.chat, endpoint.headers, body)
    answer = decode_completion(await client.fetch(request, Timeouts()), endpoint)
    return answer.content, answer.model


def test_real_engines_behind_one_address(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(CONFIG.format(models=models))

    async def scenario() -> list[tuple[str, str]]:
        async with Client() as client:
            config = read_config(path)
            serving = gateway(config, tmp_path, EmbeddedLlamaCpp(client), client, port=0)
            async with serving as url:
                auto = endpoint_at(url, "auto")
                return [
                    await ask(client, auto, "12+35="),
                    await ask(
                        client, auto, "Extract JSON: Anna is 34 years old and lives in Paris."
                    ),
                    await ask(client, endpoint_at(url, "tally"), "7+8="),
                ]

    sums, extraction, direct = asyncio.run(scenario())
    assert sums == ("47", "tally")
    assert extraction == ('{"name":"Anna","age":34,"city":"Paris"}', "clerk")
    assert direct == ("15", "tally")
    assert psutil.Process().children(recursive=True) == []


def test_serving_ends_when_cancelled_and_takes_its_engines_along(
    models: Path, tmp_path: Path
) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(CONFIG.format(models=models))

    async def scenario() -> int:
        async with Client() as client:
            ready = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(
                serve(
                    path,
                    EmbeddedLlamaCpp(client),
                    client,
                    port=0,
                    on_ready=lambda url, _: ready.set_result(url),
                )
            )
            await ready
            running = len(psutil.Process().children(recursive=True))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return running

    assert asyncio.run(scenario()) == 2
    assert psutil.Process().children(recursive=True) == []


FAR = """
models:
  far: {url: "http://127.0.0.1:9/v1"}
routes:
  - {use: [far]}
"""


class _WaitingLauncher(FakeLauncher):
    """Starts nothing until it is let."""

    def __init__(self, urls: dict[str, str]) -> None:
        super().__init__(urls)
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def launch(self, spec: EngineSpec, deadline_s: float) -> FakeEngine:
        self.asked.set()
        await self.go.wait()
        return await super().launch(spec, deadline_s)


def own_engine(folder: Path) -> RouterConfig:
    (folder / "x.gguf").touch()
    text = "models: {own: {engine: llamacpp-embedded, source: x.gguf}}\nroutes: [{use: [own]}]"
    return parse_config(text, folder, origin="text")


async def status(client: Client, url: str, *headers: tuple[bytes, bytes]) -> int:
    request = Request("GET", parse_url(f"{url}/health"), headers)
    return (await client.fetch(request, Timeouts())).head.status


def test_a_taken_port_is_found_before_any_engine_starts(tmp_path: Path) -> None:
    launcher = FakeLauncher({"own": NOBODY})

    async def scenario() -> None:
        async with Client() as client:
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                port = taken.getsockname()[1]
                async with gateway(own_engine(tmp_path), tmp_path, launcher, client, port=port):
                    pass

    with pytest.raises(ExternalError, match="is taken"):
        asyncio.run(scenario())
    assert launcher.engines == {}


def test_it_listens_and_says_503_until_its_engines_are_ready(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        config = own_engine(tmp_path)
        launcher = _WaitingLauncher({"own": NOBODY})
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        evil = (b"origin", b"http://evil.example")
        async with Client() as client, AsyncExitStack() as stack:
            serving = gateway(config, tmp_path, launcher, client, port=port)
            entering = asyncio.create_task(stack.enter_async_context(serving))
            await launcher.asked.wait()
            seen = [await status(client, url), await status(client, url, evil)]
            launcher.go.set()
            await entering
            return [*seen, await status(client, url), await status(client, url, evil)]

    assert asyncio.run(scenario()) == [503, 403, 200, 403]


def test_an_engine_that_does_not_start_frees_the_port(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Client() as client:
            launcher = FakeLauncher({})
            async with gateway(own_engine(tmp_path), tmp_path, launcher, client, port=0):
                pass

    with pytest.raises(EngineError):
        asyncio.run(scenario())


def test_only_its_own_names_reach_it(tmp_path: Path) -> None:
    async def scenario() -> bytes:
        config = parse_config(FAR, tmp_path, origin="text")
        async with (
            Client() as client,
            gateway(config, tmp_path, FakeLauncher({}), client, port=0) as url,
        ):
            address = parse_url(url)
            reader, writer = await asyncio.open_connection(address.host, address.port)
            host = f"rebound.example:{address.port}".encode()
            writer.write(b"GET /v1/models HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return line

    assert asyncio.run(scenario()).startswith(b"HTTP/1.1 421 ")


def test_the_port_asked_for_may_not_be_one_of_the_models(tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(FAR)

    async def scenario() -> None:
        async with Client() as client:
            await serve(path, FakeLauncher({}), client, port=9, on_ready=lambda *_: None)

    with pytest.raises(ConfigError, match="itself listens"):
        asyncio.run(scenario())


def test_failed_requests_are_told_and_keys_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    text = FAR.replace('/v1"', '/v1", key_env: WEIGHBRIDGE_TEST_KEY')
    config = parse_config(text, tmp_path, origin="text")

    async def scenario() -> None:
        async with Client() as client:
            serving = gateway(config, tmp_path, FakeLauncher({}), client, port=0, tell=told.append)
            async with serving as url:
                with pytest.raises(StatusError):
                    await ask(client, endpoint_at(url, "far"), "Hi")

    with pytest.raises(ConfigError, match="WEIGHBRIDGE_TEST_KEY is not set"):
        asyncio.run(scenario())
    monkeypatch.setenv("WEIGHBRIDGE_TEST_KEY", "sk-1")
    asyncio.run(scenario())
    assert len(told) == 1
    assert "Nobody answers at http://127.0.0.1:9" in told[0]


def test_a_killed_engine_is_noticed_and_told(models: Path, tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "router.config.yaml"
    path.write_text(CONFIG.format(models=models))

    async def scenario() -> tuple[int, str]:
        async with Client() as client:
            launcher = EmbeddedLlamaCpp(client)
            serving = gateway(
                read_config(path), tmp_path, launcher, client, port=0, tell=told.append
            )
            async with serving as url:
                children = psutil.Process().children(recursive=True)
                for child in children:
                    child.kill()
                await until(lambda: len(told) == len(children))
                with pytest.raises(StatusError) as raised:
                    await ask(client, endpoint_at(url, "tally"), "7+8=")
                return await status(client, url), str(raised.value)

    health, failure = asyncio.run(scenario())
    assert health == 503
    assert "The engine for tally has ended." in failure
    assert {line.partition(".")[0] for line in told[:2]} == {
        "The engine for tally has ended",
        "The engine for clerk has ended",
    }


def test_check_names_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    runner = CliRunner()
    path.write_text(FAR)
    right = runner.invoke(command, [str(path), "--check"])
    assert (right.exit_code, right.stderr) == (0, "")
    loops = runner.invoke(command, [str(path), "--check", "--port", "9"])
    assert isinstance(loops.exception, ConfigError)
    signals = "signals: {task: {sums: {keywords: [plus]}}}\nroutes:\n  - {when: {task: sums}, use"
    path.write_text(FAR.replace("routes:\n  - {use", signals))
    partial = runner.invoke(command, [str(path), "--check"])
    assert partial.exit_code == 0
    assert partial.stderr.startswith("Warning: no route is without a condition")
