"""The gateway with real engines, started from a file as `weigh serve` does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.http import Request, Timeouts
from weighbridge.engines.llamacpp_embedded import EmbeddedLlamaCpp
from weighbridge.serve.config import read_config
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
