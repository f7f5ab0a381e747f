"""lm-evaluation-harness: ``samples_<task>_<time>.jsonl``, written with ``--log_samples``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.runs import ItemResult
from weighbridge.measure.evals.foreign.imported import Imported
from weighbridge.measure.evals.published.lines import objects

_NAME = re.compile(r"samples_(.+?)(?:_\d{4}-\d{2}-\d{2}T[\d.:-]+)?\.jsonl(?:\.gz)?")
# Not metrics, though they may be numbers.
_OTHERS = frozenset({"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter"})
_KNOWN = ("exact_match", "acc", "acc_norm", "prompt_level_strict_acc", "pass@1", "f1", "mc2")


def is_samples(path: Path) -> bool:
    """Whether a file is called as these are."""
    return _NAME.fullmatch(path.name) is not None


def read_samples(path: Path, metric: str | None, filter_name: str | None) -> Imported:
    """The file's results by one metric, of one filter where it has several.

    Raises:
        InputError: it has several filters, or no metric that could be told, and none was named.
        FormatError: it is no such file.
    """
    every = [row for _, row in objects(path, ("doc_id", "filtered_resps"))]
    chosen = _one_filter(every, filter_name, path)
    names = (metric,) if metric else _metrics(chosen[0], path)
    name = names[0]
    items = tuple(_result(row, name, path) for row in chosen)
    if len({item.id for item in items}) != len(items):
        raise FormatError(f"{path}: a document stands twice under one filter.")
    task = match[1] if (match := _NAME.fullmatch(path.name)) else path.stem
    # With --output_path the tool makes a folder per model.
    model = path.parent.name.replace("__", "/") if "__" in path.parent.name else ""
    filters = chosen[0].get("filter")
    others = f" and not {', '.join(names[1:])} (--metric chooses)" if names[1:] else ""
    origin = f"lm-eval, {name}{others}{f' of filter {filters}' if filters else ''}, {path.name}"
    return Imported(task, model, items, origin)


def _one_filter(
    every: Sequence[dict[str, Any]], wanted: str | None, path: Path
) -> list[dict[str, Any]]:
    filters = list(dict.fromkeys(str(row.get("filter", "none")) for row in every))
    if wanted is None and len(filters) > 1:
        raise InputError(
            f"{path} has results of several filters: {', '.join(filters)}.",
            fix="Choose one with --filter.",
        )
    if wanted is not None and wanted not in filters:
        raise InputError(f"{path} has no filter {wanted!r}.", fix=f"It has {', '.join(filters)}.")
    return [row for row in every if wanted is None or str(row.get("filter", "none")) == wanted]


def _metrics(row: dict[str, Any], path: Path) -> tuple[str, ...]:
    """The file's metrics: its own first one counts, else the one that is known best."""
    listed = row.get("metrics")
    if isinstance(listed, list) and listed:
        return tuple(map(str, listed))
    known = tuple(name for name in _KNOWN if name in row)
    if known:
        return known
    numbers = [key for key, value in row.items() if _is_number(value) and key not in _OTHERS]
    raise InputError(
        f"{path} does not say which of its figures is the metric.",
        fix=f"Choose one with --metric: {', '.join(numbers) or 'it has none'}.",
    )


def _is_number(value: Any) -> bool:  # noqa: ANN401 -- any JSON value
    return isinstance(value, int | float)


def _result(row: dict[str, Any], metric: str, path: Path) -> ItemResult:
    value = row.get(metric)
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise FormatError(
            f"{path}: document {row['doc_id']} has no {metric} between 0 and 1.",
            fix="Choose another with --metric.",
        )
    right = float(value) == 1.0
    return ItemResult(
        id=str(row["doc_id"]),
        prompt=_prompt(row.get("arguments")),
        expected=row.get("target"),
        answer=_text(row["filtered_resps"]),
        correct=right,
        score=float(value),
        detail="" if right else f"{metric} is {value:g}",
        latency_ms=0.0,
        output_tokens=0,
    )


def _prompt(arguments: Any) -> str:  # noqa: ANN401 -- any JSON value
    """The context of the first request: a list of pairs, or an object of objects."""
    if isinstance(arguments, dict) and arguments:
        first = next(iter(arguments.values()))
        return _text(first.get("arg_0", first) if isinstance(first, dict) else first)
    return _text(arguments)


def _text(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    while isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else "" if value in (None, []) else str(value)
