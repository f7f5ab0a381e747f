"""Drawing a fixed evaluation set from captured traffic. Pure: same requests, same set."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from weighbridge.core.runs import content_hash
from weighbridge.workspace.traffic import Captured

Stratum = Literal["task", "model", "key", "none"]
UNRECOGNISED = "(none)"
_CHATS = {"/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, as text."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class SampledItem:
    """A request of the evaluation set.

    Attributes:
        id: a hash of the conversation: equal requests have equal ids.
        prompt: what a model is asked: the message itself where there is only one, else the whole
            conversation with its roles.
        messages: the conversation.
        stratum: which part of the traffic it stands for.
        reference: what a model answered then. Not the truth.
        reference_model: who answered.
        captured: the id of the captured request.
        time: when that was.
        task: the task that routing recognised.
        tools: whether tools were offered; they are not part of the prompt.
    """

    id: str
    prompt: str
    messages: tuple[Message, ...]
    stratum: str
    reference: str
    reference_model: str
    captured: str
    time: str
    task: str | None
    tools: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """An evaluation set.

    Attributes:
        hash: of its prompts and their order; equal for equal sets.
        items: in the order of their strata, then of their ids.
        strata: per part of the traffic, how many different requests there are and how many of them
            are in the set.
        left_out: why captured requests could not be in it, with how many.
        seed: what it was drawn with.
        by: what the traffic was divided by.
    """

    hash: str
    items: tuple[SampledItem, ...]
    strata: dict[str, tuple[int, int]]
    left_out: dict[str, int]
    seed: int
    by: Stratum


def draw(captured: Iterable[Captured], count: int, by: Stratum, seed: int) -> Sample:
    """At most ``count`` different requests, each stratum in proportion and with at least one.

    Which are taken depends on the seed and on the requests themselves, not on their order or
    times: later traffic changes a set only as far as its proportions change.
    """
    left_out: Counter[str] = Counter()
    strata: dict[str, dict[str, SampledItem]] = {}
    seen: set[str] = set()
    for one in captured:
        why, messages = conversation(one)
        if why:
            left_out[why] += 1
            continue
        item = _item(one, messages, stratum_of(one, by))
        if item.id in seen:
            left_out["asked before, word by word"] += 1
            continue
        seen.add(item.id)
        strata.setdefault(item.stratum, {})[item.id] = item
    sizes = {name: len(items) for name, items in strata.items()}
    shares = allocate(sizes, count)
    items: list[SampledItem] = []
    for name in sorted(shares):
        ranked = sorted(strata[name], key=lambda id_: _rank(seed, id_))
        items += [strata[name][id_] for id_ in sorted(ranked[: shares[name]])]
    return Sample(
        hash=content_hash([(item.id, item.prompt) for item in items]),
        items=tuple(items),
        strata={name: (sizes[name], shares.get(name, 0)) for name in sorted(sizes)},
        left_out=dict(left_out),
        seed=seed,
        by=by,
    )


def allocate(sizes: dict[str, int], count: int) -> dict[str, int]:
    """How many to take of each stratum: one each, the rest in proportion, never more than it has.

    Where there are more strata than ``count``, the largest get one each.

    >>> allocate({"a": 90, "b": 9, "c": 1}, 10)
    {'a': 8, 'b': 1, 'c': 1}
    """
    by_size = sorted(sizes, key=lambda name: (-sizes[name], name))
    count = min(count, sum(sizes.values()))
    taken = dict.fromkeys(by_size[:count], 1)
    total = sum(sizes.values())
    while sum(taken.values()) < count:
        # The one that is furthest below its share; exact fractions, so that ties are ties.
        open_strata = [name for name in taken if taken[name] < sizes[name]]
        furthest = max(
            open_strata, key=lambda name: Fraction(sizes[name] * count, total) - taken[name]
        )
        taken[furthest] += 1
    return taken


def stratum_of(captured: Captured, by: Stratum) -> str:
    """Which part of the traffic a request belongs to."""
    names = {"task": captured.task, "model": captured.model, "key": captured.key, "none": "all"}
    return names[by] or UNRECOGNISED


def conversation(captured: Captured) -> tuple[str, tuple[Message, ...]]:
    """The messages of a request; or why it cannot be asked again, and none."""
    why = _unsuited(captured)
    request = captured.request if isinstance(captured.request, dict) else {}
    system = [_text(request.get(name)) for name in ("system", "instructions")]
    messages = [Message("system", text) for text in system if text]
    for name in ("messages", "input", "prompt"):
        messages += _messages(request.get(name))
    if not why and not any(message.role == "user" and message.text for message in messages):
        why = "no text in it"
    return (why, ()) if why else ("", tuple(messages))


def _unsuited(captured: Captured) -> str:
    if captured.path not in _CHATS:
        return "not a conversation"
    if captured.end != "complete" or captured.status != 200:
        return "not answered completely"
    if captured.blobs:
        return "images or other binary parts, which are not kept"
    messages = captured.request.get("messages") if isinstance(captured.request, dict) else None
    if isinstance(messages, list) and any(map(_is_tool_use, messages)):
        return "tool calls within the conversation, which a prompt cannot hold"
    return ""


def transcript(messages: Sequence[Message]) -> str:
    """What is asked: one user's message as it is, else every message with its role."""
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].text
    return "\n\n".join(f"{message.role.capitalize()}: {message.text}" for message in messages)


def _messages(value: Any) -> list[Message]:  # noqa: ANN401 -- any JSON value
    if isinstance(value, str):
        return [Message("user", value)]
    if not isinstance(value, list):
        return []
    found = [
        Message(message["role"], _text(message.get("content")))
        for message in value
        if isinstance(message, dict) and isinstance(message.get("role"), str)
    ]
    if not found and len(value) == 1 and isinstance(value[0], str):
        found = [Message("user", value[0])]  # a batch of one prompt
    return found


def _is_tool_use(message: Any) -> bool:  # noqa: ANN401
    return isinstance(message, dict) and bool(
        message.get("tool_calls") or message.get("role") == "tool"
    )


def _text(content: Any) -> str:  # noqa: ANN401
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(part for part in parts if isinstance(part, str))


def _item(captured: Captured, messages: tuple[Message, ...], stratum: str) -> SampledItem:
    return SampledItem(
        id=content_hash(messages),
        prompt=transcript(messages),
        messages=messages,
        stratum=stratum,
        reference=captured.text,
        reference_model=captured.model,
        captured=captured.id,
        time=captured.time,
        task=captured.task,
        tools=bool(isinstance(captured.request, dict) and captured.request.get("tools")),
    )


def _rank(seed: int, id_: str) -> bytes:
    return hashlib.sha256(f"{seed}:{id_}".encode()).digest()
