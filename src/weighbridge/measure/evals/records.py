"""What a suite is made of: its settings, its items, and the hash of both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec


class Sampling(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How answers are drawn.

    Attributes:
        temperature: 0 asks for the likeliest answer; None leaves it to the server.
        top_p: share of probability that is drawn from.
        seed: of the first repeat; each further one adds 1. None lets the server draw.
        stop: texts at which an answer ends.
        extra: further fields of the request, as the server names them.
    """

    temperature: float | None = 0.0
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    extra: dict[str, Any] = {}


class SuiteFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What ``suite.yaml`` may say.

    Attributes:
        name: the task's name, used in verdicts and routes.
        prompt: the user message, with ``{field}`` for each item's fields.
        scorer: how answers are judged; docs/evaluation.md has each one's rule.
        system: the system message, if any.
        description: one line for readers.
        max_tokens: longest answer asked for.
        schema: JSON Schema that ``json`` answers must meet.
        options: settings of the scorer.
        sampling: how answers are drawn.
        timeout_s: longest silence of the server for this suite, over that of the command line.
        shots: number of examples, from ``shots.jsonl``, that stand before each question.
        shot_answer: what an example answers, with ``{field}`` for the fields of its line.
        tools: whether the items' ``tools`` are offered to the model.
        group: the item field that names what items belong together (a document, a template).
        source: where the items come from.
        license: under what terms.
    """

    name: str
    prompt: str
    scorer: str
    system: str | None = None
    description: str = ""
    max_tokens: int = 256
    schema: dict[str, Any] | None = None
    options: dict[str, Any] = {}
    sampling: Sampling = Sampling()
    timeout_s: float | None = None
    shots: int = 0
    shot_answer: str = "{answer}"
    tools: bool = False
    group: str | None = None
    source: str = ""
    license: str = ""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: str
    content: str


class Item(msgspec.Struct, frozen=True):
    """One question with its answer.

    Attributes:
        id: unique in its suite.
        prompt: the last user message, fields filled in.
        answer: the gold, in the shape that the suite's scorer wants; None where it wants none.
        fields: what else of the item's line the scorer reads.
        before: turns between the system message and the prompt: examples, or its own.
        group: what it belongs to; items of one group are not independent.
    """

    id: str
    prompt: str
    answer: Any
    fields: Mapping[str, Any] = {}
    before: tuple[Message, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite as loaded: its settings, its items, and the hash of both.

    The items of a large suite stay in their file and are read one by one.
    """

    settings: SuiteFile
    items: Sequence[Item]
    hash: str

    @property
    def name(self) -> str:
        """The task's name."""
        return self.settings.name

    def head(self, limit: int | None) -> Suite:
        """The suite with only its first ``limit`` items (another hash: another measurement)."""
        if limit is None or limit >= len(self.items):
            return self
        return make_suite(self.settings, self.items[:limit])


def make_suite(settings: SuiteFile, items: Sequence[Item]) -> Suite:
    """A suite with its hash computed."""
    hashing = SuiteHash(settings)
    hashing.add(items)
    return Suite(settings, items, hashing.hex)


class SuiteHash:
    """The content hash of settings and items, as of :mod:`weighbridge.core.runs`, item by item."""

    def __init__(self, settings: SuiteFile) -> None:
        self._encode = msgspec.json.Encoder(order="deterministic").encode
        self._sha256 = hashlib.sha256(b"[" + self._encode(settings) + b",[")
        self._between = b""

    def add(self, items: Iterable[Item]) -> None:
        """Further items."""
        encode, update = self._encode, self._sha256.update
        for item in items:
            update(self._between + encode(item))
            self._between = b","

    @property
    def hex(self) -> str:
        """The hash of all that was added: 16 hex digits."""
        whole = self._sha256.copy()
        whole.update(b"]]")
        return whole.hexdigest()[:16]
