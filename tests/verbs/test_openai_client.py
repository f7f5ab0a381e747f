"""The official Python client of OpenAI, unchanged, through the gateway to real engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults import client as raw
from tests.faults.gateway import Gateway, gateway, holds
from tests.faults.real import until_answering
from weighbridge.wire.server import Responder, ServerRequest, serve

openai = pytest.importorskip("openai", reason="the development group installs it")

KEY = "sk-test-0123456789abcdef0123456789abcdef"
CONFIG = """
keys: [{{name: tester, env: TEST_KEY}}]
models:
  tally: {{engine: llamacpp-embedded, source: {models}/tally-f16.gguf, context: 512, slots: 1,
    preload: true}}
  clerk: {{engine: llamacpp-embedded, source: {models}/clerk-f16.gguf, context: 512, slots: 2,
    preload: true}}
  caller: {{url: "{caller}"}}
routes: [{{use: [tally]}}]
"""
SUM: list[Any] = [{"role": "user", "content": "12+35="}]
HELLO: list[Any] = [{"role": "user", "content": "Extract JSON: Anna is 34 years old."}]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "minimum": 0, "maximum": 99},
                "b": {"type": "integer", "minimum": 0, "maximum": 99},
            },
            "required": ["a", "b"],
        },
    },
}

ARGUMENTS = ('{"a": 12,', ' "b": 35}')


async def _call_a_tool(request: ServerRequest, responder: Responder) -> None:
    """An engine that calls the first tool it is offered, with what it was told as its id.

    The demo's models are too small to have been taught tools; what a bigger one's answer would be
    is written down here, to see that the client understands it behind the gateway.
    """
    if request.method != "POST":
        responder.json(200, {"object": "list", "data": [{"id": "caller", "object": "model"}]})
        return
    asked = json.loads(request.body)
    name = asked["tools"][0]["function"]["name"]
    pieces = [{"index": 0, "id": asked["tool_choice"], "type": "function",
               "function": {"name": name, "arguments": ARGUMENTS[0]}},
              {"index": 0, "function": {"arguments": ARGUMENTS[1]}}]  # fmt: skip
    if not asked.get("stream"):
        whole = pieces[0] | {"function": {"name": name, "arguments": "".join(ARGUMENTS)}}
        message = {"role": "assistant", "content": None, "tool_calls": [whole]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": asked["model"]}
        responder.json(200, answer | {"choices": [choice], "metadata": asked["tools"]})
        return
    responder.start(200, ((b"content-type", b"text/event-stream"),))
    for piece in pieces:
        choice = {"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": None}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "choices": [choice]}
        responder.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    responder.write(b"data: [DONE]\n\n")
    responder.finish()


Scenario = Callable[[Any, Gateway], Awaitable[None]]


@asynccontextmanager
async def _served(models: Path, folder: Path) -> AsyncIterator[tuple[Any, Gateway]]:
    environment = {"TEST_KEY": KEY}
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(await serve(_call_a_tool, "127.0.0.1", 0))
        config = CONFIG.format(models=models, caller=f"{caller.url}/v1")
        over = await stack.enter_async_context(gateway(folder, config, environment=environment))
        await until_answering(over, ("tally", "clerk"), 60, key=KEY)
        url = f"http://127.0.0.1:{over.port}/v1"
        client = openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0)
        yield await stack.enter_async_context(client), over


@pytest.fixture(scope="module")
def run(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Scenario], None]:
    """Runs a scenario with a client and a gateway of its own."""

    def run_it(scenario: Scenario) -> None:
        async def with_gateway() -> None:
            async with _served(models, tmp_path_factory.mktemp("gateway")) as (client, over):
                await scenario(client, over)

        asyncio.run(with_gateway())

    return run_it


def test_answers_whole_and_streamed(run: Callable[[Scenario], None]) -> None:
    async def scenario(client: Any, over: Gateway) -> None:
        whole = await client.chat.completions.create(model="tally", messages=SUM, temperature=0)
        assert whole.choices[0].message.content == "47"
        assert whole.usage.completion_tokens > 0
        routed = await client.chat.completions.create(model="auto", messages=SUM, temperature=0)
        assert routed.choices[0].message.content == "47"

        text, finish, usage = "", None, None
        stream = await client.chat.completions.create(
            model="tally",
            messages=SUM,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
        assert (text, finish) == ("47", "stop")
        assert usage is not None
        assert usage.completion_tokens == whole.usage.completion_tokens

        completion = await client.completions.create(
            model="tally", prompt="1+1=", max_tokens=4, extra_body={"ignore_eos": True}
        )
        assert completion.choices[0].text
        names = [model.id for model in (await client.models.list()).data]
        assert {"tally", "clerk", "auto"} <= set(names)
        assert over.process.returncode is None

    run(scenario)


def test_answers_that_fit_a_schema(run: Callable[[Scenario], None]) -> None:
    async def scenario(client: Any, over: Gateway) -> None:
        schema = {"name": "person", "schema": PERSON, "strict": True}
        answered = await client.chat.completions.create(
            model="clerk",
            messages=HELLO,
            temperature=0,
            max_tokens=80,
            response_format={"type": "json_schema", "json_schema": schema},
        )
        person = json.loads(answered.choices[0].message.content)
        assert set(person) == {"name", "age"}
        assert isinstance(person["age"], int)

        assert over.process.returncode is None

    run(scenario)


def test_tools(run: Callable[[Scenario], None]) -> None:
    async def scenario(client: Any, over: Gateway) -> None:
        # A real engine takes them, even if its model does not know what to do with them.
        ask: dict[str, Any] = {"messages": SUM, "tools": [TOOL], "tool_choice": "required"}
        answered = await client.chat.completions.create(
            model="tally", temperature=0, max_tokens=20, **ask
        )
        assert answered.choices[0].message.content == "47"

        called = await client.chat.completions.create(model="caller", **ask)
        call = called.choices[0].message.tool_calls[0]
        assert (call.id, call.function.name) == ("required", "add")
        assert json.loads(call.function.arguments) == {"a": 12, "b": 35}
        assert called.metadata == [TOOL], "the tools came as they were sent"

        stream = await client.chat.completions.create(model="caller", stream=True, **ask)
        calls = [chunk.choices[0].delta.tool_calls[0] async for chunk in stream]
        assert (calls[0].id, calls[0].function.name) == ("required", "add")
        assert "".join(call.function.arguments for call in calls) == "".join(ARGUMENTS)
        assert over.process.returncode is None

    run(scenario)


async def _busy_slots(over: Gateway, model: str) -> int:
    """How many slots of its engine are at work, by the engine's own word."""
    (engine,) = over.engines(model)
    listening = [one for one in engine.net_connections("tcp") if one.status == "LISTEN"]
    seen = await over.get("/slots", port=listening[0].laddr.port)
    return sum(bool(slot["is_processing"]) for slot in json.loads(seen.body))


def test_a_stream_that_is_closed_frees_the_engines_slot(run: Callable[[Scenario], None]) -> None:
    async def scenario(client: Any, over: Gateway) -> None:
        async def at_work(count: int) -> bool:
            return await _busy_slots(over, "tally") == count

        # Slow enough to be seen at work: one token after the other, far more than it would say.
        endless: dict[str, Any] = {"ignore_eos": True, "n_predict": -1}
        stream = await client.chat.completions.create(
            model="tally", messages=SUM, stream=True, max_tokens=100_000, extra_body=endless
        )
        async for _ in stream:
            break
        await stream.close()
        await holds(lambda: at_work(0), 5)
        await holds(over.is_idle, 5)

        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(
                model="tally", messages=SUM, max_tokens=100_000, extra_body=endless, timeout=0.02
            )
        await holds(lambda: at_work(0), 5)
        # Its only slot is free for the next.
        again = await client.chat.completions.create(
            model="tally", messages=SUM, temperature=0, timeout=20
        )
        assert again.choices[0].message.content == "47"

    run(scenario)


def test_errors_are_the_clients_own(run: Callable[[Scenario], None]) -> None:
    async def scenario(client: Any, over: Gateway) -> None:
        with pytest.raises(openai.AuthenticationError, match="key"):
            await client.with_options(api_key="sk-wrong").chat.completions.create(
                model="tally", messages=SUM
            )
        with pytest.raises(openai.NotFoundError, match="gpt-9"):
            await client.chat.completions.create(model="gpt-9", messages=SUM)
        # These engines were not started for embeddings, and say so themselves.
        with pytest.raises(openai.APIStatusError, match="embeddings"):
            await client.embeddings.create(model="tally", input="Hello")
        body = json.dumps({"model": "tally", "messages": SUM}).encode()
        unkeyed = raw.request(over.port, body)
        assert (await raw.ask(over.port, unkeyed)).status == 401

    run(scenario)
