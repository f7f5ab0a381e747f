"""Prompts that turn out to be too long for a model go to a roomier one."""

from __future__ import annotations

import json

import pytest

from tests.fakes.plane import FakeAccess, FakePolicy
from tests.serve.proxy.rig import ANSWER, Call, Script, chunk, engine, gateway, post
from tests.wire.conftest import Run
from weighbridge.core.errors import EngineError
from weighbridge.core.gateway import Grant
from weighbridge.serve.proxy.too_long import MOST_BYTES, says_too_long

LLAMA_CPP = (
    b'{"error":{"code":400,"message":"request (9412 tokens) exceeds the available context size '
    b'(8192 tokens), try increasing it","type":"exceed_context_size_error","n_ctx":8192}}'
)
TOO_LONG = {
    "llama.cpp": LLAMA_CPP,
    "vllm": b'{"object":"error","message":"This model\'s maximum context length is 4096 tokens. '
    b'However, you requested 4472 tokens.","type":"BadRequestError","code":400}',
    "vllm, prompt alone": b'{"error":{"message":"The decoder prompt (length 5000) is longer than '
    b'the maximum model length of 4096.","code":400}}',
    "openai": b'{"error":{"message":"Too long.","code":"context_length_exceeded"}}',
    "sglang": b'{"object":"error","message":"The input (61709 tokens) is longer than the model\'s '
    b'context length (40960 tokens).","type":"BadRequestError","code":400}',
    "sglang, scheduler": b'{"message":"Input length (160062 tokens) exceeds the maximum allowed '
    b'length (59862 tokens)."}',
    "tensorrt-llm": b'{"message":"Prompt length (5056) exceeds maximum sequence length (2048)"}',
    "tensorrt-llm, input": b'{"message":"Prompt length (200) exceeds maximum input length (1)"}',
    "anthropic": b'{"type":"error","error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}',
    "ollama": b'{"error":"the input length exceeds the context length"}',
}
OTHERS = (
    b'{"error":{"message":"tools[0] is no object","type":"invalid_request_error"}}',
    b'{"error":{"message":"max_tokens must be at least 1, got 0.","code":400}}',
    b"",
)


@pytest.mark.parametrize("who", TOO_LONG)
def test_what_engines_say(who: str) -> None:
    assert says_too_long(TOO_LONG[who])
    assert says_too_long(TOO_LONG[who].upper())


@pytest.mark.parametrize("body", OTHERS)
def test_other_refusals(body: bytes) -> None:
    assert not says_too_long(body)


def refusing(body: bytes, status: int = 400, framing: str = "length") -> Script:
    async def script(call: Call) -> None:
        head = b"HTTP/1.1 %d No\r\nX-Own: 1\r\n" % status
        if framing == "length":
            await call.send(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        elif framing == "chunked":
            await call.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body[:9]))
            await call.send(chunk(body[9:]) + b"0\r\n\r\n")
        elif framing == "pieces":
            await call.send(head + b"Content-Length: %d\r\n\r\n" % len(body))
            for at in range(0, len(body), 50):
                await call.send(body[at : at + 50])
        else:
            await call.send(head + b"Connection: close\r\n\r\n" + body)
            call.cut()

    return script


def for_small(stream: bool = False) -> bytes:
    asked = {"model": "small", "prompt": "x", "stream": stream}
    return post(json.dumps(asked).encode(), path=b"/v1/completions")


ROOMIER = {"small": ("large", "huge"), "large": ("huge",)}


@pytest.mark.parametrize("framing", ["length", "chunked", "pieces", "close"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_roomier_model_answers(run: Run, framing: str, stream: bool) -> None:
    async def main() -> None:
        script = refusing(LLAMA_CPP, framing=framing)
        async with engine(script) as small, engine() as large:
            urls = {"small": (small.url,), "large": (large.url,), "huge": (large.url,)}
            async with gateway(urls) as rig:
                rig.plane.policy = FakePolicy({"small": ("small",)}, ROOMIER)
                for _ in range(3):
                    status, headers, body = await rig.ask(for_small(stream))
                    assert (status, body) == (200, ANSWER)
                    assert headers["x-weighbridge-model"] == "large"
                    assert headers["x-weighbridge-route"].endswith("; too long for small")
                    outcome = rig.observer.outcomes[-1]
                    assert (outcome.model, outcome.attempts) == ("large", 2)
                    assert outcome.choice.why.endswith("; too long for small")
                    assert "small: the prompt is too long for it." in outcome.reason
                assert not rig.balancer.failures
                assert rig.observer.taps[0].data == ANSWER
                rig.assert_all_left()

    run(main())


def test_one_roomier_model_after_the_other_then_the_last_refusal(run: Run) -> None:
    async def main() -> None:
        last = TOO_LONG["vllm"]
        async with engine(refusing(LLAMA_CPP)) as small, engine(refusing(last, 422)) as huge:
            urls = {"small": (small.url,), "large": (small.url,), "huge": (huge.url,)}
            async with gateway(urls) as rig:
                rig.plane.policy = FakePolicy({"small": ("small",)}, ROOMIER)
                status, headers, body = await rig.ask(for_small())
                assert (status, body) == (422, last)
                assert headers["x-weighbridge-model"] == "huge"
                assert headers["x-own"] == "1"
                assert len(small.calls) == 2
                rig.assert_all_left()

    run(main())


@pytest.mark.parametrize("framing", ["length", "chunked", "pieces", "close"])
@pytest.mark.parametrize("body", [*OTHERS, b"x" * MOST_BYTES, b"y" * 400_000])
def test_other_refusals_pass_as_they_are(run: Run, framing: str, body: bytes) -> None:
    async def main() -> None:
        async with (
            engine(refusing(body, framing=framing)) as small,
            engine() as large,
            gateway({"small": (small.url,), "large": (large.url,)}) as rig,
        ):
            rig.plane.policy = FakePolicy({"small": ("small",)}, ROOMIER)
            status, headers, got = await rig.ask(for_small())
            assert (status, got, headers["x-own"]) == (400, body, "1")
            assert rig.outcome.answer_bytes == len(body)
            assert not large.calls
            rig.assert_all_left()

    run(main())


def test_who_has_no_roomier_model_or_may_not_use_it_gets_the_refusal(run: Run) -> None:
    async def main() -> None:
        async with engine(refusing(LLAMA_CPP)) as small, engine() as large:
            urls = {"small": (small.url,), "large": (large.url,)}
            access = FakeAccess(grant=Grant("k", models=frozenset({"small"})))
            for roomier, who in (({}, FakeAccess()), (ROOMIER, access)):
                async with gateway(urls, access=who) as rig:
                    rig.plane.policy = FakePolicy({"small": ("small",)}, roomier)
                    status, _, body = await rig.ask(for_small())
                    assert (status, body) == (400, LLAMA_CPP)
            assert not large.calls

    run(main())


def test_a_roomier_model_that_cannot_be_had_is_told(run: Run) -> None:
    async def main() -> None:
        async with (
            engine(refusing(LLAMA_CPP)) as small,
            gateway({"small": (small.url,), "large": (small.url,)}) as rig,
        ):
            rig.plane.policy = FakePolicy({"small": ("small",)}, {"small": ("large",)})
            rig.fleet.waits["large"] = EngineError("It does not start.")
            rig.fleet.ours.add("large")
            status, _, body = await rig.ask(for_small())
            assert status == 503
            message = json.loads(body)["error"]["message"]
            assert "small: the prompt is too long for it." in message
            assert "large: It does not start." in message
            rig.assert_all_left()

    run(main())


def test_an_engine_that_dies_within_its_refusal_is_no_answer(run: Run) -> None:
    async def half(call: Call) -> None:
        await call.send(b"HTTP/1.1 400 No\r\nContent-Length: 100\r\n\r\nhalf")
        call.cut()

    async def main() -> None:
        async with engine(half) as small, gateway({"small": (small.url,)}) as rig:
            rig.plane.policy = FakePolicy({"small": ("small",)}, {"small": ("large",)})
            status, _, body = await rig.ask(for_small())
            assert status == 502
            assert b"half" not in body
            rig.assert_all_left()

    run(main())
