"""``weigh tokens``: what the user's own texts cost in each model's tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from weighbridge.core.effects import EngineSpec, Launcher, Progress
from weighbridge.core.errors import InputError
from weighbridge.core.http import HttpClient
from weighbridge.measure.load.traffic.tokens import load_tokenizer
from weighbridge.measure.tokens.corpus import Corpus, read_corpus
from weighbridge.measure.tokens.counting import count_by_server
from weighbridge.measure.tokens.figures import FEWEST_UNITS, Asked, ModelTokens, Rate, figures
from weighbridge.verbs.model_sources import Source, served_at

_DEADLINE_S: Final = 300.0
_REQUEST_CHARACTERS: Final = 4000
# A piece of the corpus that is also counted whole, to see what parting it into pieces adds.
_WHOLE_CHARACTERS: Final = 20_000
_WORTH_TELLING: Final = 0.01

Count = Callable[[Sequence[str], Callable[[], None]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """What the figures are turned into.

    Attributes:
        request_characters: length of a request, where it is not the mean entry of a JSONL file.
        context: tokens of context.
        prices: US dollars per million prompt tokens by name; under no name for all others.
        key: bearer token of servers.
    """

    request_characters: int | None = None
    context: int = 8192
    prices: dict[str, float] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True)
class TokenReport:
    """Figures of all models, and what has to be known with them."""

    corpus: Corpus
    asked: Asked
    models: tuple[ModelTokens, ...]
    notes: tuple[str, ...]


async def count_tokens(
    path: Path,
    sources: Sequence[Source],
    settings: TokenSettings,
    *,
    client: HttpClient,
    launcher: Launcher,
    progress: Progress,
) -> TokenReport:
    """The corpus in each model's tokens.

    Raises:
        InputError: the corpus or a tokenizer is not there, or two models have one name.
        ExternalError: a server does not tokenize, or an engine does not start.
    """
    names = [source.name for source in sources]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(
            f"Two models are called {twice!r}.", fix="Name them: a=PATH b=PATH, for example."
        )
    if unknown := next((name for name in settings.prices if name and name not in names), None):
        raise InputError(
            f"--price names {unknown!r}, which is none of {', '.join(names)}.",
            fix="Write NAME=USD with one of these names.",
        )
    corpus = read_corpus(path)
    texts = (*corpus.pieces, *_whole(corpus))
    counting = _Counting(client, launcher, settings.key)
    counts: dict[str, tuple[str, Sequence[int]]] = {}
    notes = list(_corpus_notes(corpus))
    for source in sources:
        progress.stage(f"tokens of {source.name}", len(texts))
        told = await counting.of(source, texts, progress.advance)
        if not sum(told[: len(corpus.pieces)]):
            raise InputError(
                f"{source.name} finds no token in {path}.", fix="Give a corpus that has words."
            )
        counts[source.name] = (source.where, told[: len(corpus.pieces)])
        notes.extend(_parting_note(source.name, corpus, told))
    asked = _asked(corpus, names, settings)
    return TokenReport(corpus, asked, figures(corpus, counts, asked), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Counting:
    """Ways to count tokens."""

    client: HttpClient
    launcher: Launcher
    key: str | None

    async def of(
        self, source: Source, texts: Sequence[str], done: Callable[[], None]
    ) -> Sequence[int]:
        if source.is_url:
            endpoint = await served_at(self.client, source, self.key)
            return await count_by_server(self.client, endpoint, texts, done)
        if source.where.lower().endswith(".gguf"):
            return await self._by_gguf(source, texts, done)
        counter = load_tokenizer(Path(source.where))
        counts = []
        for text in texts:
            counts.append(counter.count(text))
            done()
        return counts

    async def _by_gguf(
        self, source: Source, texts: Sequence[str], done: Callable[[], None]
    ) -> Sequence[int]:
        """By the vocabulary in the file, through llama.cpp, which knows how to read it."""
        spec = EngineSpec(source.name, source.where, context=64, slots=1, threads=1)
        engine = await self.launcher.launch(spec, _DEADLINE_S)
        try:
            # Its server gives each connection a thread of its few, and keeps both for seconds.
            return await count_by_server(self.client, engine.endpoint, texts, done, at_once=1)
        finally:
            await engine.stop()


def _whole(corpus: Corpus) -> tuple[str, ...]:
    """The first pieces in one, where they are parts of one text."""
    if corpus.are_requests:
        return ()
    return ("".join(corpus.pieces[: _whole_pieces(corpus)]),)


def _whole_pieces(corpus: Corpus) -> int:
    length = count = 0
    for piece, group in zip(corpus.pieces, corpus.groups, strict=True):
        if group != corpus.groups[0] or (count and length + len(piece) > _WHOLE_CHARACTERS):
            break
        length, count = length + len(piece), count + 1
    return count


def _parting_note(name: str, corpus: Corpus, told: Sequence[int]) -> Sequence[str]:
    if corpus.are_requests:
        return ()
    parted, whole = sum(told[: _whole_pieces(corpus)]), told[-1]
    more = parted / whole - 1
    if abs(more) < _WORTH_TELLING:
        return ()
    side = "more" if more > 0 else "fewer"
    note = (
        f"{name}: counted line by line a text takes {100 * abs(more):.1f} % {side} tokens than "
        "whole; the figures are for single lines."
    )
    return (note,)


def _corpus_notes(corpus: Corpus) -> Sequence[str]:
    notes = []
    if not corpus.has_words:
        notes.append(
            "There are no figures per word: much of the corpus is in scripts that put no spaces "
            "between words, or has no letters."
        )
    if corpus.skipped:
        first, more = corpus.skipped[0], len(corpus.skipped) - 1
        notes.append(f"Not counted, being no text: {first}{f' and {more} more' if more else ''}.")
    units = corpus.files if corpus.by_file else len(corpus.pieces)
    if units < FEWEST_UNITS:
        notes.append(
            f"There are no intervals: of {units} {corpus.units} {FEWEST_UNITS} would be needed."
        )
    return notes


def _asked(corpus: Corpus, names: Sequence[str], settings: TokenSettings) -> Asked:
    characters: float = settings.request_characters or _REQUEST_CHARACTERS
    if settings.request_characters is None and corpus.are_requests:
        characters = sum(map(len, corpus.pieces)) / len(corpus.pieces)
    prices = {name: settings.prices.get(name, settings.prices.get("", -1.0)) for name in names}
    return Asked(
        characters, settings.context, {name: one for name, one in prices.items() if one >= 0}
    )


def to_json(report: TokenReport) -> dict[str, Any]:
    """What ``--json`` prints; keys are documented in docs/json.md."""
    corpus = report.corpus
    return {
        "corpus": corpus.name,
        "files": corpus.files,
        "pieces": len(corpus.pieces),
        "characters": sum(map(len, corpus.pieces)),
        "bytes": sum(len(piece.encode("utf-8", "replace")) for piece in corpus.pieces),
        "intervals_over": corpus.units,
        "request_characters": report.asked.request_characters,
        "context": report.asked.context,
        "models": [_model_json(model) for model in report.models],
        "notes": list(report.notes),
    }


def _model_json(model: ModelTokens) -> dict[str, Any]:
    return {
        "model": model.model,
        "source": model.source,
        "tokens": model.tokens,
        "per_byte": rate_json(model.per_byte),
        "per_character": rate_json(model.per_character),
        "per_word": rate_json(model.per_word),
        "ratio": rate_json(model.ratio),
        "cost_usd_per_1000": rate_json(model.cost_usd),
        "context_characters": rate_json(model.context_characters),
        "context_words": rate_json(model.context_words),
    }


def rate_json(rate: Rate | None) -> dict[str, float | None] | None:
    """A rate with the ends of its interval, which are null where there is none."""
    if rate is None:
        return None
    ends = rate.interval
    return {
        "value": rate.value,
        "low": None if ends is None else ends.low,
        "high": None if ends is None else ends.high,
    }
