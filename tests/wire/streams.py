"""Streamed answers as engines in the field write them, and a server that sends them piecewise."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.http import Request, Timeouts
from weighbridge.wire.chat import render_chat
from weighbridge.wire.client import Client
from weighbridge.wire.stream import ChatStream

TIMEOUTS = Timeouts(connect=2, first_byte=2, between_bytes=2, total=10)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stream, and what is to be read from it.

    Attributes:
        body: the bytes of the event stream.
        arrivals: events with content.
        answer: index of the first one that is no reasoning.
    """

    body: bytes
    text: str
    arrivals: int
    tokens: int | None
    prompt_tokens: int | None
    finish_reason: str | None
    reasoning: str = ""
    cached_tokens: int | None = None
    model: str | None = "m"
    done: bool = True
    answer: int = 0


def events(*payloads: str, end: str = "\n\n", field: str = "data: ") -> bytes:
    return "".join(field + payload + end for payload in payloads).encode()


def _vllm(delta: str, finish: str = "null", usage: str = "") -> str:
    return (
        '{"id":"chatcmpl-8e1f","object":"chat.completion.chunk","created":1790000000,"model":"m",'
        f'"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish},'
        f'"token_ids":null}}]{usage}}}'
    )


def _vllm_usage(tokens: int) -> str:
    return (
        f'"usage":{{"prompt_tokens":21,"total_tokens":{21 + tokens},"completion_tokens":{tokens},'
        '"prompt_tokens_details":{"cached_tokens":16}}'
    )


VLLM = Recorded(
    events(
        _vllm('{"role":"assistant","content":"","reasoning_content":null}'),
        _vllm('{"content":"Grü"}'),
        _vllm('{"content":"ße, "}'),
        _vllm('{"content":"漢字 😀"}'),
        _vllm('{"content":" \\"ok\\"\\n\\u00e9"}', '"stop"'),
        '{"id":"chatcmpl-8e1f","object":"chat.completion.chunk","created":1790000000,"model":"m",'
        '"choices":[],' + _vllm_usage(7) + "}",
        "[DONE]",
    ),
    text='Grüße, 漢字 😀 "ok"\né', arrivals=4, tokens=7, prompt_tokens=21, cached_tokens=16,
    finish_reason="stop",
)  # fmt: skip

VLLM_CONTINUOUS = Recorded(
    events(
        _vllm('{"role":"assistant","content":""}', usage="," + _vllm_usage(0)),
        _vllm('{"reasoning_content":"hm, "}', usage="," + _vllm_usage(2)),
        _vllm('{"reasoning_content":"é?"}', usage="," + _vllm_usage(4)),
        _vllm('{"content":"ja"}', usage="," + _vllm_usage(5)),
        _vllm('{"content":""}', '"length"', usage="," + _vllm_usage(5)),
        '{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
        + _vllm_usage(5)
        + "}",
        "[DONE]",
    ),
    text="ja", reasoning="hm, é?", arrivals=3, answer=2, tokens=5, prompt_tokens=21,
    cached_tokens=16, finish_reason="length",
)  # fmt: skip

SGLANG = Recorded(
    events(
        *(
            '{"id":"5c0b","object":"chat.completion.chunk","created":1790000000,"model":"m",'
            f'"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish},'
            f'"matched_stop":{stop}}}],"usage":null}}'
            for delta, finish, stop in (
                ('{"role":"assistant","content":"","reasoning_content":null,"tool_calls":null}',
                 "null", "null"),
                ('{"role":null,"content":null,"reasoning_content":"Überlegung","tool_calls":null}',
                 "null", "null"),
                ('{"role":null,"content":"Réponse","reasoning_content":null,"tool_calls":null}',
                 "null", "null"),
                ('{"role":null,"content":" ✓","reasoning_content":null,"tool_calls":null}',
                 "null", "null"),
                ('{"role":null,"content":null,"reasoning_content":null,"tool_calls":null}',
                 '"stop"', "151645"),
            )
        ),
        '{"id":"5c0b","object":"chat.completion.chunk","created":1790000000,"model":"m",'
        '"choices":[],"usage":{"prompt_tokens":9,"total_tokens":14,"completion_tokens":5,'
        '"prompt_tokens_details":null,"reasoning_tokens":2}}',
        "[DONE]",
    ),
    text="Réponse ✓", reasoning="Überlegung", arrivals=3, answer=1, tokens=5, prompt_tokens=9,
    finish_reason="stop",
)  # fmt: skip

LLAMACPP = Recorded(
    events(
        *(
            f'{{"choices":[{{"finish_reason":{finish},"index":0,"delta":{delta}}}],'
            '"created":1790000000,"id":"chatcmpl-a3os","model":"m",'
            '"system_fingerprint":"b0-unknown","object":"chat.completion.chunk"}'
            for delta, finish in (
                ('{"role":"assistant","content":null}', "null"),
                ('{"content":"{\\""}', "null"),
                ('{"content":"naïve"}', "null"),
                ('{"content":"\\":\\"日本"}', "null"),
                ("{}", '"length"'),
            )
        ),
        '{"choices":[],"created":1790000000,"id":"chatcmpl-a3os","model":"m",'
        '"object":"chat.completion.chunk","usage":{"completion_tokens":3,"prompt_tokens":16,'
        '"total_tokens":19,"prompt_tokens_details":{"cached_tokens":15}},"timings":{"cache_n":15,'
        '"prompt_n":1,"prompt_ms":481.357,"predicted_n":3,"predicted_per_second":2.865247414}}',
        "[DONE]",
    ),
    text='{"naïve":"日本', arrivals=3, tokens=3, prompt_tokens=16, cached_tokens=15,
    finish_reason="length",
)  # fmt: skip

OLLAMA = Recorded(
    events(
        *(
            '{"id":"chatcmpl-42","object":"chat.completion.chunk","created":1790000000,'
            f'"model":"m","system_fingerprint":"fp_ollama","choices":[{{"index":0,"delta":{delta},'
            f'"finish_reason":{finish}}}]}}'
            for delta, finish in (
                ('{"role":"assistant","content":"","reasoning":"Hmm…"}', "null"),
                ('{"role":"assistant","content":"Ça "}', "null"),
                ('{"role":"assistant","content":"va \\ud83d\\ude00"}', "null"),
                ('{"role":"assistant","content":""}', '"stop"'),
            )
        ),
        '{"id":"chatcmpl-42","object":"chat.completion.chunk","created":1790000000,"model":"m",'
        '"system_fingerprint":"fp_ollama","choices":[],"usage":{"prompt_tokens":11,'
        '"completion_tokens":6,"total_tokens":17}}',
        "[DONE]",
    ),
    text="Ça va 😀", reasoning="Hmm…", arrivals=3, answer=1, tokens=6, prompt_tokens=11,
    finish_reason="stop",
)  # fmt: skip

OPENAI = Recorded(
    events(
        *(
            '{"id":"chatcmpl-B9","object":"chat.completion.chunk","created":1790000000,"model":"m",'
            '"service_tier":"default","system_fingerprint":"fp_e2","choices":[{"index":0,'
            f'"delta":{delta},"logprobs":null,"finish_reason":{finish}}}],"usage":null,'
            '"obfuscation":"Yk3p"}'
            for delta, finish in (
                ('{"role":"assistant","tool_calls":[{"index":0,"id":"call_7","type":"function",'  # noqa: ISC004 -- one delta
                 '"function":{"name":"weather","arguments":""}}],"refusal":null}', "null"),
                ('{"tool_calls":[{"index":0,"function":{"arguments":"{\\"city\\":"}}]}', "null"),
                ('{"tool_calls":[{"index":0,"function":{"arguments":"\\"Zürich\\"}"}}]}', "null"),
                ("{}", '"tool_calls"'),
            )
        ),
        '{"id":"chatcmpl-B9","object":"chat.completion.chunk","created":1790000000,"model":"m",'
        '"choices":[],"usage":{"prompt_tokens":48,"completion_tokens":14,"total_tokens":62,'
        '"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},'
        '"completion_tokens_details":{"reasoning_tokens":0}}}',
        "[DONE]",
    ),
    text="", arrivals=3, tokens=14, prompt_tokens=48, cached_tokens=0, finish_reason="tool_calls",
)  # fmt: skip

RECORDED = {
    "vLLM": VLLM,
    "vLLM, continuous usage": VLLM_CONTINUOUS,
    "SGLang": SGLANG,
    "llama.cpp": LLAMACPP,
    "Ollama": OLLAMA,
    "OpenAI": OPENAI,
}


def check(stream: ChatStream, expected: Recorded) -> None:
    """Everything that was to be read, and nothing else."""
    assert stream.text == expected.text
    assert stream.reasoning == expected.reasoning
    assert len(stream.arrivals) == expected.arrivals
    assert stream.completion_tokens == expected.tokens
    assert stream.prompt_tokens == expected.prompt_tokens
    assert stream.cached_tokens == expected.cached_tokens
    assert stream.finish_reason == expected.finish_reason
    assert stream.model == expected.model
    assert stream.done is expected.done
    if expected.arrivals:
        assert stream.answer_ns == (
            stream.arrivals[expected.answer] if expected.answer < expected.arrivals else 0
        )


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"


def chunked(*pieces: bytes) -> list[bytes]:
    """Each piece as a chunk and as a write of its own."""
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece]
    return [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n"]


def with_length(*pieces: bytes) -> list[bytes]:
    """The pieces as writes, their length told ahead."""
    return [HEAD + b"Content-Length: %d\r\n\r\n" % sum(map(len, pieces)), *pieces]


def until_close(*pieces: bytes) -> list[bytes]:
    """The pieces as writes; the end of the connection ends them."""
    return [HEAD + b"Connection: close\r\n\r\n", *pieces]


class Script:
    """What a piecewise server has seen: connections, and requests as they came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections = 0
        self.requests: list[bytes] = []


@asynccontextmanager
async def piecewise(
    answer: Callable[[int], Sequence[bytes] | None],
    *,
    tls: ssl.SSLContext | None = None,
    pause_s: float = 0.0,
) -> AsyncIterator[Script]:
    """Answers request n by the writes ``answer(n)``, closing where these say so or are None."""
    tasks: list[asyncio.Task[None] | None] = []
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        writers.append(writer)
        script.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                script.requests.append(head + await reader.readexactly(length))
                pieces = answer(len(script.requests) - 1)
                for piece in pieces or ():
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause_s)
                if pieces is None or b"Connection: close" in pieces[0]:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    script = Script(f"{'https://localhost' if tls else 'http://127.0.0.1'}:{port}/v1")
    try:
        yield script
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(task for task in tasks if task))


def chat_request(url: str) -> Request:
    endpoint = endpoint_at(url, "m")
    messages = [{"role": "user", "content": "grüß dich"}]
    body = render_chat("m", messages, max_tokens=9, temperature=0, stream=True)
    return Request("POST", endpoint.chat, endpoint.headers, body)


async def ask(client: Client, url: str, timeouts: Timeouts = TIMEOUTS) -> ChatStream:
    """One streamed chat, read to its end."""
    stream = ChatStream(endpoint_at(url, "m"))
    exchange = await client.start(chat_request(url), stream, timeouts)
    await exchange.finished()
    stream.end()
    return stream
