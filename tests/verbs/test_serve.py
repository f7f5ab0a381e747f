"""The gateway with real engines, started from a file as `weigh serve` does."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest
from click.testing import CliRunner

from tests.waiting import until
from weighbridge.cli.serve import command
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import ConfigError, ExternalError, StatusError
from weighbridge.core.http import Request, Response, Timeouts, parse_url
from weighbridge.serve.config import parse_config, read_config
from weighbridge.verbs.serve import Running, gateway, serve
from weighbridge.wire.chat import decode_completion, render_chat
from weighbridge.wire.client import Client
from weighbridge.workspace.gateways import running as announced

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
FAR = """
models:
  far: {url: "http://127.0.0.1:9/v1"}
routes:
  - {use: [far]}
"""


CONFIG_OF_ONE = """listen: 127.0.0.1:0
models:
  far: {url: "http://127.0.0.1:1/v1"}
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


async def get(client: Client, url: str, *headers: tuple[bytes, bytes]) -> Response:
    return await client.fetch(Request("GET", parse_url(url), headers), Timeouts())


async def status(client: Client, url: str, *headers: tuple[bytes, bytes]) -> int:
    return (await get(client, url, *headers)).head.status


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@asynccontextmanager
async def serving(
    path: Path, told: list[str] | None = None, port: int = 0
) -> AsyncIterator[tuple[Client, Running]]:
    """`weigh serve` as a task, ended by cancelling it as ctrl-C does."""
    async with Client() as client:
        ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(
            serve(
                path,
                client,
                port=port,
                workspace=path.parent / ".weighbridge",
                on_ready=lambda running, _: ready.set_result(running),
                tell=(told if told is not None else []).append,
            )
        )
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        try:
            if not ready.done():
                await task
            yield client, ready.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_real_engines_behind_one_address(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(CONFIG.format(models=models))

    async def scenario() -> list[tuple[str, str]]:
        config = read_config(path)
        async with Client() as client, gateway(config, tmp_path, client, port=0) as running:
            auto = endpoint_at(running.url, "auto")
            return [
                await ask(client, auto, "12+35="),
                await ask(client, auto, "Extract JSON: Anna is 34 years old and lives in Paris."),
                await ask(client, endpoint_at(running.url, "tally"), "7+8="),
            ]

    sums, extraction, direct = asyncio.run(scenario())
    assert sums == ("47", "tally")
    assert extraction == ('{"name":"Anna","age":34,"city":"Paris"}', "clerk")
    assert direct == ("15", "tally")
    assert children() == []


def test_serving_ends_when_cancelled_and_takes_its_engines_along(
    models: Path, tmp_path: Path
) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(CONFIG.format(models=models))

    async def scenario() -> int:
        async with serving(path) as (client, running):
            assert children() == []  # nothing is started before it is asked for
            await ask(client, endpoint_at(running.url, "auto"), "7+8=")
            return len(children())

    assert asyncio.run(scenario()) >= 1
    assert children() == []


def test_what_is_preloaded_is_waited_for_by_readiness(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(CONFIG.format(models=models).replace("slots: 2}", "slots: 2, preload: true}"))

    async def scenario() -> list[int]:
        async with serving(path) as (client, running):
            seen = [await status(client, f"{running.url}/ready")]
            async with asyncio.timeout(30):
                while await status(client, f"{running.url}/ready") != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            return [*seen, await status(client, f"{running.url}/health")]

    assert asyncio.run(scenario()) == [503, 200]


def test_a_taken_port_is_found_before_any_engine_starts(models: Path, tmp_path: Path) -> None:
    text = CONFIG.format(models=models).replace("slots: 2}", "slots: 2, preload: true}")
    config = parse_config(text, tmp_path, origin="text")

    async def scenario() -> None:
        async with Client() as client:
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                port = taken.getsockname()[1]
                async with gateway(config, tmp_path, client, port=port):
                    pass

    with pytest.raises(ExternalError, match="is taken"):
        asyncio.run(scenario())
    assert children() == []


def test_only_its_own_names_reach_it(tmp_path: Path) -> None:
    async def scenario() -> tuple[bytes, int]:
        config = parse_config(FAR, tmp_path, origin="text")
        async with Client() as client, gateway(config, tmp_path, client, port=0) as running:
            address = parse_url(running.url)
            reader, writer = await asyncio.open_connection(address.host, address.port)
            host = f"rebound.example:{address.port}".encode()
            writer.write(b"GET /v1/models HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            evil = (b"origin", b"http://evil.example")
            return line, await status(client, f"{running.url}/health", evil)

    line, origin = asyncio.run(scenario())
    assert line.startswith(b"HTTP/1.1 421 ")
    assert origin == 403


def test_the_port_asked_for_may_not_be_one_of_the_models(tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(FAR)

    async def scenario() -> None:
        async with serving(path, port=9):
            pass

    with pytest.raises(ConfigError, match="itself listens"):
        asyncio.run(scenario())


def test_failed_requests_are_told_and_keys_come_from_the_environment(tmp_path: Path) -> None:
    told: list[str] = []
    text = FAR.replace('/v1"', '/v1", key_env: WEIGHBRIDGE_TEST_KEY')
    there = {"WEIGHBRIDGE_TEST_KEY": "sk-1"}
    config = parse_config(text, tmp_path, origin="text", environment=there)

    async def scenario(environment: dict[str, str]) -> None:
        async with (
            Client() as client,
            gateway(
                config, tmp_path, client, port=0, tell=told.append, environment=environment
            ) as running,
        ):
            with pytest.raises(StatusError):
                await ask(client, endpoint_at(running.url, "far"), "Hi")

    with pytest.raises(ConfigError, match="WEIGHBRIDGE_TEST_KEY is not set"):
        asyncio.run(scenario({}))
    asyncio.run(scenario(there))
    assert any("no answer" in line and "127.0.0.1:9" in line for line in told), told


def test_a_killed_engine_comes_back_with_the_next_request(models: Path, tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "router.config.yaml"
    path.write_text(CONFIG.format(models=models))

    async def scenario() -> tuple[str, str]:
        async with serving(path, told) as (client, running):
            tally = endpoint_at(running.url, "tally")
            await ask(client, tally, "7+8=")
            for child in children():
                child.kill()
            async with asyncio.timeout(30):
                while True:
                    try:
                        return await ask(client, tally, "7+8=")
                    except StatusError:
                        await asyncio.sleep(0.2)

    assert asyncio.run(scenario()) == ("15", "tally")
    assert any("tally" in line for line in told)
    assert children() == []


def test_models_are_listed_with_what_they_can_and_one_by_one(tmp_path: Path) -> None:
    text = FAR.replace('/v1"', '/v1", aliases: [away], can: [tools]')

    async def scenario() -> tuple[Response, Response, Response]:
        config = parse_config(text, tmp_path, origin="text")
        async with Client() as client, gateway(config, tmp_path, client, port=0) as running:
            base = f"{running.url}/v1/models"
            return (
                await get(client, base),
                await get(client, f"{base}/away"),
                await get(client, f"{base}/none"),
            )

    listed, one, none = asyncio.run(scenario())
    cards = {card["id"]: card for card in msgspec.json.decode(listed.body)["data"]}
    assert list(cards) == ["far", "auto"]
    assert cards["far"]["can"] == ["chat", "tools"]
    assert cards["far"]["owned_by"] == "weighbridge"
    assert msgspec.json.decode(one.body)["id"] == "far"
    assert none.head.status == 404


def test_metrics_are_for_this_machine_or_admin_keys(tmp_path: Path) -> None:
    keyed = FAR + "keys: [{name: a, env: KEY_A}, {name: b, env: KEY_B, admin: true}]\n"
    there = {"KEY_A": "wb-" + "a" * 30, "KEY_B": "wb-" + "b" * 30}

    async def scenario(text: str) -> list[int]:
        config = parse_config(text, tmp_path, origin="text", environment=there)
        async with Client() as client, gateway(config, tmp_path, client, port=0) as running:
            url = f"{running.url}/metrics"
            bearers = [(b"authorization", b"Bearer " + key.encode()) for key in there.values()]
            return [await status(client, url), *[await status(client, url, one) for one in bearers]]

    assert asyncio.run(scenario(FAR)) == [200, 200, 200]
    assert asyncio.run(scenario(keyed)) == [401, 403, 200]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_look_shows_every_budget(tmp_path: Path, workers: int) -> None:
    text = f"""{FAR}admin: 127.0.0.1:0
workers: {workers}
keys:
  - {{name: a, env: KEY_A, budget: team}}
  - {{name: b, env: KEY_B, admin: true}}
budgets: {{team: {{tokens: 500, per: day}}}}
"""
    there = {"KEY_A": "wb-" + "a" * 30, "KEY_B": "wb-" + "b" * 30}

    async def scenario(path: str) -> bytes:
        config = parse_config(text, tmp_path, origin="text", environment=there)
        async with Client() as client, gateway(config, tmp_path, client, port=0) as running:
            bearer = (b"authorization", b"Bearer " + there["KEY_B"].encode())
            if path == "/metrics":
                return (await get(client, f"{running.url}{path}", bearer)).body
            return (await get(client, f"{running.admin_url}{path}")).body

    with pytest.MonkeyPatch.context() as patch:
        for name, token in there.items():
            patch.setenv(name, token)
        state = msgspec.json.decode(asyncio.run(scenario("/admin/state")))
        assert [(one["name"], one["tokens"]) for one in state["budgets"]] == [("team", [0, 500])]
        figures = asyncio.run(scenario("/metrics"))
    assert b'weighbridge_budget_limit_tokens{budget="team"} 500' in figures


def test_a_changed_file_is_used_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(FAR)
    told: list[str] = []

    async def names(client: Client, running: Running) -> list[str]:
        listed = await get(client, f"{running.url}/v1/models")
        return [card["id"] for card in msgspec.json.decode(listed.body)["data"]]

    async def scenario() -> list[list[str]]:
        async with serving(path, told) as (client, running), asyncio.timeout(20):
            seen = [await names(client, running)]
            path.write_text(FAR + "unknown: 1\n")
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda: bool(told))
            seen.append(await names(client, running))
            assert running.center.view().config_error
            path.write_text(FAR.replace("far", "near"))
            await until(lambda: any("is in use" in line for line in told))
            seen.append(await names(client, running))
            assert not running.center.view().config_error
            return seen

    assert asyncio.run(scenario()) == [["far", "auto"], ["far", "auto"], ["near", "auto"]]
    assert "unknown" in told[0]


def test_a_file_that_is_deleted_is_told_once_and_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.serve.reload._LOOK_S", 0.02)
    path = tmp_path / "router.config.yaml"
    path.write_text(CONFIG_OF_ONE)
    told: list[str] = []

    async def scenario() -> None:
        async with serving(path, told) as (client, running), asyncio.timeout(30):
            path.unlink()
            await until(lambda: any("is gone; the one before stays" in line for line in told))
            assert "is gone" in running.center.view().config_error
            await asyncio.sleep(0.2)
            assert await status(client, f"{running.url}/v1/models") == 200
            path.write_text(CONFIG_OF_ONE)
            await until(lambda: any("says again what is in use" in line for line in told))
            assert running.center.view().config_error == ""
            path.unlink()
            await asyncio.sleep(0.2)
            path.write_text(CONFIG_OF_ONE.replace("far:", "near:"))
            await until(lambda: any("is in use from now on" in line for line in told))
            # What is no longer configured drains behind.
            await until(lambda: list(running.center.fleet.views) == ["near"])

    asyncio.run(scenario())
    assert sum("is gone" in line for line in told) == 2


def test_administrators_have_a_port_and_the_workspace_knows_it(
    models: Path, tmp_path: Path
) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text("admin: 127.0.0.1:0\n" + CONFIG.format(models=models))

    async def scenario() -> tuple[str, str]:
        async with serving(path) as (client, running):
            (said,) = announced(tmp_path / ".weighbridge")
            assert said.admin_url == running.admin_url
            admin = parse_url(running.admin_url or "")
            url = replace(admin, path="/admin/models/tally/start?wait=30")
            started = await client.fetch(Request("POST", url), Timeouts())
            assert started.head.status == 200, started.body
            state = await get(client, f"{running.admin_url}/admin/state")
            states = {
                one["model"]: one["state"] for one in msgspec.json.decode(state.body)["models"]
            }
            # Not at the address of clients without a key that may.
            assert await status(client, f"{running.url}/admin/state") == 403
            return states["tally"], states["clerk"]

    assert asyncio.run(scenario()) == ("ready", "stopped")
    assert announced(tmp_path / ".weighbridge") == ()


def test_a_unix_socket_and_tls(tmp_path: Path) -> None:
    text = FAR + f"listen: ['127.0.0.1:0', 'unix:{tmp_path}/gateway.sock']\n"

    async def scenario() -> bytes:
        config = parse_config(text, tmp_path, origin="text")
        async with Client() as client, gateway(config, tmp_path, client) as running:
            assert running.center.listen[1] == f"unix:{tmp_path}/gateway.sock"
            reader, writer = await asyncio.open_unix_connection(tmp_path / "gateway.sock")
            writer.write(b"GET /v1/models HTTP/1.1\r\nhost: any\r\n\r\n")
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return line

    assert asyncio.run(scenario()) == b"HTTP/1.1 200 OK\r\n"
    assert not (tmp_path / "gateway.sock").exists()


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
