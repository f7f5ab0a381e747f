"""The requests of a suite: what is sent for an item, and the hash that tells it from others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from weighbridge.core.runs import content_hash
from weighbridge.measure.evals.records import Item, Suite, SuiteFile


class Sample(msgspec.Struct, frozen=True):
    """One answer asked for: an item, and which of its repeats."""

    item: Item
    repeat: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from the other samples of its run."""
        return self.item.id, self.repeat


def sample_of(suite: Suite, repeats: int, number: int) -> Sample:
    """A sample of a run by its number; the repeats of an item come one after the other."""
    index, repeat = divmod(number, repeats)
    return Sample(suite.items[index], repeat)


def samples_of(suite: Suite, repeats: int = 1) -> Iterator[Sample]:
    """All samples of a run, by their numbers."""
    return (Sample(item, repeat) for item in suite.items for repeat in range(repeats))


class Renderer:
    """Makes request bodies for one model and suite."""

    def __init__(self, model: str, settings: SuiteFile) -> None:
        sampling = settings.sampling
        told = {
            "max_tokens": settings.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "stop": list(sampling.stop) or None,
        }
        self._fixed: dict[str, Any] = {"model": model, "messages": [], "stream": False}
        self._fixed |= {name: value for name, value in told.items() if value is not None}
        self._extra = dict(sampling.extra)
        self._seed = sampling.seed
        self._tools = settings.tools
        self._system = [{"role": "system", "content": settings.system}] if settings.system else []
        self._encode = msgspec.json.Encoder().encode

    def body(self, sample: Sample) -> bytes:
        """The request for a sample, as JSON."""
        item = sample.item
        body = self._fixed.copy()
        body["messages"] = [*self._system, *item.before, {"role": "user", "content": item.prompt}]
        if self._seed is not None:
            body["seed"] = self._seed + sample.repeat
        if self._tools and item.fields.get("tools"):
            body["tools"] = item.fields["tools"]
        if self._extra:
            body |= self._extra
        return self._encode(body)


def request_hash(body: bytes) -> str:
    """Short hash of all that is sent: model, parameters and prompt."""
    return blake2b(body, digest_size=12).hexdigest()


def judging_hash(settings: SuiteFile, judge: str = "") -> str:
    """Hash of what judges, the golds aside: the scorer, its settings, and the judge's name."""
    return content_hash(settings.scorer, settings.options, settings.schema, judge)


def gold_hash(judging: str, item: Item) -> str:
    """Hash of what one answer is judged by: :func:`judging_hash` and the item's gold."""
    text = msgspec.json.encode((judging, item.answer, item.fields))
    return blake2b(text, digest_size=8).hexdigest()


def messages_of(settings: SuiteFile, item: Item) -> Sequence[tuple[str, str]]:
    """The conversation that is sent for an item, as pairs of role and text."""
    system = [("system", settings.system)] if settings.system else []
    return [*system, *((turn.role, turn.content) for turn in item.before), ("user", item.prompt)]
