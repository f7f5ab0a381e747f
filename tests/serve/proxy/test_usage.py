from __future__ import annotations

import pytest

from weighbridge.core.gateway import Asked, TokenUse
from weighbridge.serve.proxy.usage import AnswerEnds

CHAT = Asked("/v1/chat/completions", "m", prompt_tokens=11)
STREAM = Asked("/v1/chat/completions", "m", stream=True, prompt_tokens=11)


def use(asked: Asked, *pieces: bytes) -> TokenUse:
    ends = AnswerEnds()
    for piece in pieces:
        ends.add(piece)
    return ends.token_use(asked, sum(map(len, pieces)))


OPENAI = (
    b'{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12,'
    b'"prompt_tokens_details":{"cached_tokens":2}}'
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"choices":[],"usage": ' + OPENAI + b"}", TokenUse(5, 7, 2)),
        (b'{"usage":' + OPENAI + b',"choices":[]}', TokenUse(5, 7, 2)),
        (b'{"usage":{"prompt_tokens":5,"total_tokens":5}}', TokenUse(5, 0)),
        (
            b'{"usage":{"input_tokens":5,"output_tokens":7,"cache_read_input_tokens":3}}',
            TokenUse(8, 7, 3),
        ),
        (
            (
                b'{"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":4},'
                b'"output_tokens":7,"output_tokens_details":{"reasoning_tokens":1}}}'
            ),
            TokenUse(5, 7, 4),
        ),
        (b'{"timings":{"prompt_n":4,"cache_n":1,"predicted_n":9}}', TokenUse(5, 9, 1)),
    ],
)
def test_what_engines_say(answer: bytes, expected: TokenUse) -> None:
    assert use(CHAT, answer) == expected
    assert use(CHAT, *(answer[i : i + 5] for i in range(0, len(answer), 5))) == expected
    assert use(CHAT, b'{"x":"' + b"y" * 100_000 + b'",' + answer[1:]) == expected


def test_a_text_about_usage_is_no_usage() -> None:
    quoted = b'{"choices":[{"message":{"content":"\\"usage\\":{\\"prompt_tokens\\":99}"}}]}'
    assert use(CHAT, quoted).estimated


def test_streams() -> None:
    events = [b'data: {"choices":[{"delta":{}}],"usage":null}\n\n'] * 500
    last = b'data: {"choices":[],"usage":' + OPENAI + b"}\n\ndata: [DONE]\n\n"
    assert use(STREAM, *events, last) == TokenUse(5, 7, 2)
    estimated = use(STREAM, *events, b"data: [DONE]\n\n")
    assert estimated == TokenUse(11, 500, estimated=True)
    assert use(STREAM, b"".join(events), b"data: [DONE]\n\n").output == 500


def test_anthropic_streams_tell_the_prompt_first() -> None:
    first = b'data: {"message":{"usage":{"input_tokens":5,"output_tokens":1}}}\n\n'
    last = b'event: message_delta\ndata: {"delta":{},"usage":{"output_tokens":40}}\n\n'
    middle = [b'data: {"type":"content_block_delta"}\n\n'] * 1000
    assert use(STREAM, first, *middle, last) == TokenUse(5, 40)
    assert use(STREAM, *middle, last) == TokenUse(11, 40, estimated=True)


def test_estimates() -> None:
    assert use(CHAT, b"x" * 400) == TokenUse(11, 100, estimated=True)
    embeddings = Asked("/v1/embeddings", "m", prompt_tokens=11)
    assert use(embeddings, b"[0.1]" * 100) == TokenUse(11, 0, estimated=True)
    assert use(CHAT, b'{"usage":{"prompt_tokens":"many"}}').estimated


def test_torn_events() -> None:
    for pieces, torn in (
        ((b"data: 1\n\n",), False),
        ((b"data: 1\n", b"\n"), False),
        ((b"data: 1\r\n\r\n",), False),
        ((b"data: 1\n",), True),
        ((b"data: 1\n\n", b"da"), True),
    ):
        ends = AnswerEnds()
        for piece in pieces:
            ends.add(piece)
        assert ends.ends_within_event() is torn
