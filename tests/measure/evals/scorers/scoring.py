"""Scoring one answer as a run does."""

from __future__ import annotations

import asyncio
from typing import Any

from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scoring import Answer, Call, Means, Score, read_options
from weighbridge.measure.evals.table import kind_of


def score(
    scorer: str,
    answer: str,
    gold: Any,
    *,
    options: dict[str, Any] | None = None,
    calls: tuple[Call, ...] = (),
    means: Means | None = None,
    **fields: Any,
) -> Score:
    settings = SuiteFile(name="s", prompt="p", scorer=scorer, options=options or {})
    kind = kind_of(scorer, "here")
    told = read_options(kind, settings, "here")
    made = kind.make(settings, told, means or Means())
    item = Item("i", "the question", gold, fields)

    async def judge() -> Score:
        try:
            return await made.score(item, Answer(answer, calls))
        finally:
            await made.close()

    return asyncio.run(judge())


def complaint(
    scorer: str, gold: Any, *, options: dict[str, Any] | None = None, **fields: Any
) -> str:
    settings = SuiteFile(name="s", prompt="p", scorer=scorer, options=options or {})
    kind = kind_of(scorer, "here")
    return kind.complaint(Item("i", "p", gold, fields), read_options(kind, settings, "here"))
