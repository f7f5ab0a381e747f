"""From the bytes of a request and its answer to what is kept of them. Pure.

Streams are joined before anything is taken out of them, so that a secret cut in two by chunks is
found like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from weighbridge.core.errors import ProtocolError
from weighbridge.serve.observing.redaction import (
    Rules,
    Tally,
    redact_json,
    redact_text,
    without_vectors,
)
from weighbridge.wire.sse import EventParser
from weighbridge.workspace.traffic import Captured, CapturedTool, CapturedUse


class CaptureHead(msgspec.Struct, frozen=True):
    """What is known of a request beside its bytes: the fields of :class:`Captured` by name."""

    id: str
    time: str
    key: str
    path: str
    model: str
    status: int
    end: str
    task: str | None
    why: str
    use: CapturedUse | None
    ttft_ms: float | None
    duration_ms: float


class UnreadableError(ValueError):
    """The request's body is not JSON, so that nothing can be taken out of it reliably."""


@dataclass(slots=True)
class Answer:
    """What a model wrote, by the number of the answer and of the tool call."""

    texts: dict[int, list[str]] = field(default_factory=dict)
    reasoning: list[str] = field(default_factory=list)
    tools: dict[tuple[int, Any], list[list[str]]] = field(default_factory=dict)

    def write(self, number: int, text: object) -> None:
        """Add to an answer's text."""
        if isinstance(text, str) and text:
            self.texts.setdefault(number, []).append(text)

    def think(self, text: object) -> None:
        """Add to the thinking."""
        if isinstance(text, str) and text:
            self.reasoning.append(text)

    def call(self, place: tuple[int, Any], name: object, arguments: object) -> None:
        """Add to a tool call's name and arguments."""
        parts = self.tools.setdefault(place, [[], []])
        for part, said in zip(parts, (name, arguments), strict=True):
            if isinstance(said, str):
                part.append(said)
            elif said is not None:
                part.append(msgspec.json.encode(said).decode())

    @property
    def text(self) -> str:
        """Of the first answer."""
        return "".join(self.texts[min(self.texts)]) if self.texts else ""


def build(head: CaptureHead, request: bytes, answer: bytes, rules: Rules) -> Captured:
    """What is kept of a request.

    Raises:
        UnreadableError: the request is not JSON.
    """
    try:
        asked = msgspec.json.decode(request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError from error
    tally = Tally()
    whole, said = read_answer(answer)
    texts = {number: "".join(pieces) for number, pieces in said.texts.items()}
    if whole is None and len(texts) > 1:
        whole = {"texts": [texts[number] for number in sorted(texts)]}
    counted = Tally()  # the same places again, as parts of the whole answer: counted once
    return Captured(
        id=head.id,
        time=head.time,
        key=head.key,
        path=head.path,
        model=head.model,
        status=head.status,
        end=head.end,
        request=redact_json(asked, rules, tally),
        task=head.task,
        why=redact_text(head.why, rules, counted),
        text=redact_text(said.text, rules, tally),
        reasoning=redact_text("".join(said.reasoning), rules, tally),
        tools=tuple(_tool(parts, rules, tally) for parts in said.tools.values()),
        answer=redact_json(without_vectors(whole), rules, counted),
        use=head.use,
        ttft_ms=head.ttft_ms,
        duration_ms=head.duration_ms,
        redacted=max(tally.redacted, counted.redacted),
        blobs=max(tally.blobs, counted.blobs),
    )


def read_answer(data: bytes) -> tuple[Any, Answer]:
    """An answer's JSON, None for a stream, and what the model wrote in it."""
    said = Answer()
    start = data.lstrip()[:1]
    if start in (b"{", b"["):
        try:
            whole = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said.write(0, data.decode("utf-8", "replace"))  # cut off in the middle
            return None, said
        if isinstance(whole, dict):
            _read(whole, said)
        return whole, said
    parser = EventParser()
    try:
        # An event that was cut off is ended here, so that what it holds is not overlooked.
        events = parser.feed(data) + parser.feed(b"\n\n")
    except ProtocolError:
        events = []
    for event in events:
        try:
            piece = msgspec.json.decode(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue  # "[DONE]", or the torn end
        if isinstance(piece, dict):
            _read(piece, said)
    if not events:
        said.write(0, data.decode("utf-8", "replace"))
    return None, said


def _tool(parts: list[list[str]], rules: Rules, tally: Tally) -> CapturedTool:
    """A tool call; arguments are JSON within text, whose escapes may hide what is looked for."""
    name, arguments = ("".join(part) for part in parts)
    try:
        decoded = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        clean = redact_text(arguments, rules, tally)
    else:
        clean = msgspec.json.encode(redact_json(decoded, rules, tally)).decode()
    return CapturedTool(redact_text(name, rules, tally), clean)


def _read(piece: dict[str, Any], said: Answer) -> None:
    """One JSON object of an answer: a chunk, an event, or the whole."""
    for choice in _dicts(piece.get("choices")):
        number = choice.get("index")
        _read_choice(choice, number if isinstance(number, int) else 0, said)
    kind = piece.get("type")
    if isinstance(kind, str) and kind.startswith("response."):
        _read_responses_event(kind, piece, said)
    elif isinstance(kind, str) and kind.startswith("content_block"):
        _read_messages_event(piece, said)
    elif kind == "message":
        for place, block in enumerate(_dicts(piece.get("content"))):
            _read_block(block, place, said)
    elif piece.get("object") == "response":
        for place, item in enumerate(_dicts(piece.get("output"))):
            if item.get("type") == "function_call":
                said.call((0, place), item.get("name"), item.get("arguments"))
            for part in _dicts(item.get("content")):
                said.write(0, part.get("text"))


def _read_choice(choice: dict[str, Any], number: int, said: Answer) -> None:
    said.write(number, choice.get("text"))
    for name in ("delta", "message"):
        message = choice.get(name)
        if not isinstance(message, dict):
            continue
        content = message.get("content")
        said.write(number, content)
        for part in _dicts(content):
            said.write(number, part.get("text"))
        said.think(message.get("reasoning_content") or message.get("reasoning"))
        for place, call in enumerate(_dicts(message.get("tool_calls"))):
            function = call.get("function")
            if isinstance(function, dict):
                at = (number, call.get("index", place))
                said.call(at, function.get("name"), function.get("arguments"))


def _read_responses_event(kind: str, event: dict[str, Any], said: Answer) -> None:
    place = (0, event.get("output_index", 0))
    item = event.get("item")
    if kind == "response.output_text.delta":
        said.write(0, event.get("delta"))
    elif kind.startswith("response.reasoning") and kind.endswith(".delta"):
        said.think(event.get("delta"))
    elif kind == "response.function_call_arguments.delta":
        said.call(place, None, event.get("delta"))
    elif kind == "response.output_item.added" and isinstance(item, dict) and item.get("name"):
        said.call(place, item["name"], None)


def _read_messages_event(event: dict[str, Any], said: Answer) -> None:
    place = event.get("index", 0)
    block, delta = event.get("content_block"), event.get("delta")
    if isinstance(block, dict):
        # A tool's `input` is empty here: it comes in pieces.
        _read_block({**block, "input": None}, place, said)
    if isinstance(delta, dict):
        said.write(0, delta.get("text"))
        said.think(delta.get("thinking"))
        if isinstance(delta.get("partial_json"), str):
            said.call((0, place), None, delta["partial_json"])


def _read_block(block: dict[str, Any], place: object, said: Answer) -> None:
    said.write(0, block.get("text"))
    said.think(block.get("thinking"))
    if block.get("type") == "tool_use":
        said.call((0, place), block.get("name"), block.get("input"))


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
