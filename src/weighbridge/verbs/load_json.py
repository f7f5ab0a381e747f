"""Load runs as JSON; keys are documented in docs/json.md."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.core.load import Limit, LoadLevel, LoadRun


def run_json(run: LoadRun) -> dict[str, Any]:
    """The figures of ``weigh bench --json``."""
    document: dict[str, Any] = {
        "run": run.info.id,
        "model": run.info.model,
        "url": run.url,
        "workload": run.workload,
        "command": run.command,
        "partial": run.is_partial,
        "client_limited": run.is_client_limited,
        "levels": [
            level_json(level) | _sent_again(run, number) for number, level in enumerate(run.levels)
        ],
        "provenance": {"kind": "measured", "source": run.info.id, "date": run.info.created},
    }
    if run.limit is not None:
        document["limit"] = limit_json(run.limit)
    return document


def _sent_again(run: LoadRun, level: int) -> dict[str, Any]:
    again = sum(one.attempts > 1 for one in run.requests if one.level == level)
    return {"sent_again": again} if again else {}


def level_json(level: LoadLevel) -> dict[str, Any]:
    """One level; what does not apply to it is left out."""
    figures: dict[str, Any] = msgspec.to_builtins(level)
    shape = figures.pop("shape")
    load = {"load": shape["kind"], "concurrency": level.concurrency, "rate": level.rate}
    figures["error_kinds"] = dict(level.error_kinds)
    if level.goodput is not None:
        figures["goodput"]["slo"] = str(level.goodput.slo)
    for name in ("repeats", "ramp", "empty"):
        if not figures[name]:
            figures.pop(name)
    return {key: value for key, value in (load | figures).items() if value is not None}


def limit_json(limit: Limit) -> dict[str, Any]:
    """The result of a search."""
    return {**msgspec.to_builtins(limit), "slo": str(limit.slo)}


def compat_json(run: LoadRun, tool: str) -> dict[str, Any]:
    """The figures under another tool's names and by its definitions, level by level."""
    from weighbridge.measure.load.figures.compat import compat  # noqa: PLC0415 -- seldom asked for

    return compat(run, tool)
