"""What the chaos server answers, byte by byte, told from the request alone.

Whoever asks can compute the answer too: so no wrong byte goes unnoticed, whichever server answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

Before = Literal[
    "close",  # before a byte of the answer
    "reset",
    "hang",
    "garbage",  # no HTTP
    "half_head",  # then closed
    "trickled_head",  # byte by byte for a while, then closed
    "huge_head",
    "two_lengths",  # that contradict each other
    "bad_length",
    "status_503",
    "status_429",
    "no_body",  # a head, and then closed
]
Within = Literal[
    "cut",  # closed in the middle
    "cut_reset",
    "silence",  # and then nothing more
    "bad_chunk",  # a chunk whose size is no number
    "until_close_reset",  # neither length nor chunks, and then a reset
]
Harmless = Literal[
    "none",
    "torn",  # in pieces of a few bytes
    "slow",
    "interim",  # 1xx answers first
    "until_close",
    "extra",  # bytes behind the end of the answer
    "close_after",  # without having said so
    "status_500",  # an answer like any other: the model was asked, and says no
    "status_400",
]
Kind = Before | Within | Harmless

BEFORE: tuple[Before, ...] = Before.__args__  # type: ignore[attr-defined]
WITHIN: tuple[Within, ...] = Within.__args__  # type: ignore[attr-defined]
HARMLESS: tuple[Harmless, ...] = Harmless.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Ask:
    """A chat completion.

    Attributes:
        number: tells one answer from every other.
        model: as the client asks for it.
        stream: whether the answer is wanted piece by piece.
        chunks: pieces of the answer.
        gap_s: between them.
        at: after which share of the answer a trouble within it comes.
        troubles: what the server does, by the model that it is.
    """

    number: int
    model: str
    stream: bool = False
    chunks: int = 8
    gap_s: float = 0.0
    at: float = 0.5
    troubles: Mapping[str, Kind] = field(default_factory=dict)

    def trouble(self, model: str) -> Kind:
        """What the server of that model does."""
        return self.troubles.get(model, "none")

    def payload(self) -> bytes:
        """The request's body."""
        chaos = {
            "number": self.number,
            "chunks": self.chunks,
            "gap_s": self.gap_s,
            "at": self.at,
            "troubles": dict(self.troubles),
        }
        messages = [{"role": "user", "content": f"Tell me story number {self.number}."}]
        whole: dict[str, Any] = {"model": self.model, "messages": messages, "chaos": chaos}
        if self.stream:
            whole["stream"] = True
        return json.dumps(whole).encode()


def read_ask(body: bytes) -> Ask:
    """The request that a body holds."""
    told = json.loads(body)
    return Ask(model=told["model"], stream=bool(told.get("stream")), **told["chaos"])


def words(model: str, ask: Ask) -> list[str]:
    """The answer's pieces: another answer for each model and each request."""
    return [
        " " + blake2b(f"{model}/{ask.number}/{index}".encode(), digest_size=6).hexdigest() + "é"
        for index in range(ask.chunks)
    ]


def answer(model: str, ask: Ask) -> bytes:
    """The body of the answer, whole or as an event stream."""
    return b"".join(pieces(model, ask))


def pieces(model: str, ask: Ask) -> list[bytes]:
    """The body as it is sent: events, or a JSON answer in as many parts."""
    identity = f"chatcmpl-{model}-{ask.number}"
    said = words(model, ask)
    if ask.stream:
        events = [_event(identity, model, {"delta": {"content": word}}) for word in said]
        events.append(_event(identity, model, {"delta": {}, "finish_reason": "stop"}))
        return [*events, b"data: [DONE]\n\n"]
    message = {"role": "assistant", "content": "".join(said)}
    usage = {"prompt_tokens": 9, "completion_tokens": len(said), "total_tokens": 9 + len(said)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = json.dumps({"id": identity, "model": model, "choices": [choice], "usage": usage})
    encoded = whole.encode()
    size = -(-len(encoded) // (ask.chunks + 2))
    return [encoded[start : start + size] for start in range(0, len(encoded), size)]


def refusal(model: str, ask: Ask, status: int) -> bytes:
    """The body of an answer that says no."""
    message = f"{model} says no to number {ask.number}"
    return json.dumps({"error": {"message": message, "code": status, "type": "chaos"}}).encode()


def _event(identity: str, model: str, choice: dict[str, Any]) -> bytes:
    chunk = {"id": identity, "model": model, "choices": [{"index": 0, **choice}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
