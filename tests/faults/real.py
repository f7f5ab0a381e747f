"""What real engines say when they are asked the same: greedy answers of the demo's tiny models."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from tests.faults.client import Seen, ask, request
from tests.faults.gateway import Gateway

QUESTIONS = ("12+35=", "7+8=", "Hello", "40+2=", "Who are you?", "5+5=")
_TOKENS = 48


@dataclass(frozen=True)
class Truth:
    """Each model's answer to each question, asked in calm weather."""

    said: dict[tuple[str, str], str]

    def body(self, model: str, pick: int, *, stream: bool) -> bytes:
        """The request for one of the questions."""
        return body_of(model, QUESTIONS[pick % len(QUESTIONS)], stream=stream)

    def of(self, model: str, pick: int) -> str:
        """What the model says to it."""
        return self.said[model, QUESTIONS[pick % len(QUESTIONS)]]


def body_of(model: str, question: str, *, stream: bool, tokens: int = _TOKENS) -> bytes:
    """A greedy request."""
    asked: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "seed": 1,
        "max_tokens": tokens,
    }
    if stream:
        asked["stream"] = True
    return json.dumps(asked).encode()


async def learn(over: Gateway, models: tuple[str, ...]) -> Truth:
    """Ask every question once, one after the other."""
    said = {}
    for model in models:
        for question in QUESTIONS:
            seen = await over.chat(body_of(model, question, stream=False), patience_s=60)
            assert seen.status == 200, seen
            assert seen.header("x-weighbridge-model") == model
            said[model, question] = content(seen)
    return Truth(said)


def content(seen: Seen) -> str:
    """The text of an answer, whole or as far as its stream came."""
    if not seen.body.startswith(b"data:"):
        message = json.loads(seen.body)["choices"][0]["message"]
        return str(message["content"] or "")
    text = ""
    for event in seen.body.split(b"\n\n")[:-1]:
        payload = event.removeprefix(b"data: ")
        if payload == b"[DONE]":
            continue
        for choice in json.loads(payload).get("choices", ()):
            text += choice["delta"].get("content") or ""
    return text


def real_fault(truth: Truth, pick: int, seen: Seen) -> str:
    """What is wrong with an answer of a real engine that may have died on the way."""
    if seen.timed_out or seen.wrong:
        return seen.wrong or "no end of the answer was in sight"
    who = seen.header("x-weighbridge-model")
    if who and seen.status == 200:
        return _wrong_words(truth.of(who, pick), who, seen)
    # Both engines may be down at once; then whoever waited in vain is told so.
    is_told = not who and seen.complete and seen.status in (429, 502, 503, 504)
    return "" if is_told else f"neither answered nor refused: {seen}"


def _wrong_words(right: str, who: str, seen: Seen) -> str:
    is_stream = seen.body.startswith(b"data:")
    if seen.complete:
        is_done = not is_stream or seen.body.endswith(b"data: [DONE]\n\n")
        is_right = content(seen) == right and is_done
        return "" if is_right else f"{who} said {content(seen)!r} instead of {right!r}"
    if b"[DONE]" in seen.body:
        return "an answer that was cut ends with [DONE]"
    if is_stream and not right.startswith(content(seen)):
        return f"{who} began with {content(seen)!r} instead of {right!r}"
    return ""


async def until_answering(
    over: Gateway, models: tuple[str, ...], limit_s: float, *, key: str = ""
) -> None:
    """Each of them answers, without anybody having started anything again."""
    async with asyncio.timeout(limit_s):
        for model in models:
            while True:
                asked = body_of(model, QUESTIONS[0], stream=False, tokens=4)
                raw = request(over.port, asked, key)
                seen = await ask(over.port, raw, patience_s=limit_s)
                if seen.status == 200 and seen.header("x-weighbridge-model") == model:
                    break
                await asyncio.sleep(0.2)
