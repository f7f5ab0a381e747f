"""``weigh traffic``: captured requests, and fixed evaluation sets made of them."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core import units
from weighbridge.core.errors import InputError, WorkspaceError
from weighbridge.verbs.traffic_sample import Sample, SampledItem, Stratum, draw
from weighbridge.verbs.traffic_tasks import Recognise, with_tasks
from weighbridge.workspace.traffic import Captured, Traffic


def listed(root: Path, *, since: datetime | None, limit: int) -> list[Captured]:
    """The latest captured requests of a workspace, the newest first."""
    latest = deque((one for one in Traffic(root).all() if _is_since(one, since)), maxlen=limit)
    return sorted(latest, key=lambda one: one.time)[::-1]


def list_json(root: Path, *, since: datetime | None, limit: int) -> dict[str, Any]:
    """The figures of ``weigh traffic list --json``; requests and answers are left to ``show``."""
    rows = []
    for one in listed(root, since=since, limit=limit):
        row: dict[str, Any] = msgspec.to_builtins(one)
        for large in ("request", "answer", "text", "reasoning", "tools"):
            del row[large]
        rows.append(row | {"prompt": said_last(one)})
    return {"requests": rows, "bytes": size_bytes(root)}


def size_bytes(root: Path) -> int:
    """What all captures take on the disk."""
    return Traffic(root).size_bytes()


def show(root: Path, name: str) -> Captured:
    """The captured request by its id, or how that begins.

    Raises:
        UnknownRunError: none, or more than one.
    """
    return Traffic(root).find(name)


def show_json(root: Path, name: str) -> dict[str, Any]:
    """The figures of ``weigh traffic show --json``: all that was kept."""
    document: dict[str, Any] = msgspec.to_builtins(show(root, name))
    return document


def sample(
    root: Path,
    count: int,
    *,
    by: Stratum,
    seed: int,
    since: datetime | None,
    recognise: Recognise | None = None,
) -> Sample:
    """A fixed evaluation set of captured requests.

    Args:
        root: the workspace.
        count: how many are wanted.
        by: what the traffic is divided by.
        seed: another one draws another set.
        since: only later ones.
        recognise: tells the task of those that named their model; None leaves them without.

    Raises:
        InputError: nothing was captured that could be in it.
    """
    captured = (one for one in Traffic(root).all() if _is_since(one, since))
    first = next(captured, None)
    if first is None:
        raise InputError(
            f"The workspace {root} has no captured requests" + (" since then." if since else "."),
            fix="Set `capture: {share: 0.05}` in router.config.yaml and let traffic pass.",
        )
    found = chain((first,), captured)
    drawn = draw(with_tasks(found, recognise) if recognise else found, count, by, seed)
    if not drawn.items:
        reasons = "; ".join(f"{number} × {why}" for why, number in drawn.left_out.items())
        raise InputError(f"No captured request can be asked again: {reasons}.")
    return drawn


def sample_json(drawn: Sample) -> dict[str, Any]:
    """The figures of ``weigh traffic sample --json``."""
    document: dict[str, Any] = msgspec.to_builtins(drawn)
    document["strata"] = {
        name: {"requests": requests, "sampled": sampled}
        for name, (requests, sampled) in drawn.strata.items()
    }
    return document


def write_suite(drawn: Sample, folder: Path) -> None:
    """The set as the folder of a suite whose answers are still to be written.

    Raises:
        InputError: the folder has something in it.
        WorkspaceError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder} exists and is not empty.",
            fix="An evaluation set is never overwritten: name another folder.",
        )
    settings = {
        "name": "traffic-" + drawn.hash[:8],
        "description": f"{len(drawn.items)} captured requests, set {drawn.hash}",
        "prompt": "{prompt}",
        "scorer": "exact",
        "max_tokens": 1024,
    }
    # JSON is YAML, and needs no care for what names and hashes look like.
    yaml = "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())
    lines = [json.dumps(_item_json(item), ensure_ascii=False) + "\n" for item in drawn.items]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "suite.yaml").write_text(_NOTE + yaml, encoding="utf-8")
        (folder / "items.jsonl").write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise WorkspaceError(
            f"Cannot write {folder}: {error.strerror or error}.", fix="Name another folder."
        ) from error


_NOTE = """\
# Requests captured by the gateway. `reference` in items.jsonl is what a model answered then; it is
# not the truth. Write the right `answer` into each item before `weigh eval` (it refuses items that
# have none), or show prompts and references to raters.
"""


def since_time(text: str | None, now: datetime) -> datetime | None:
    """``--since``: a date, a time, or a duration before now such as ``7d``.

    Raises:
        InputError: it is none of them.
    """
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now - timedelta(seconds=units.parse_seconds(text))
        except (InputError, OverflowError):
            raise InputError(
                f"{text!r} is neither a time nor a duration.",
                fix="Write for example 7d, 2026-11-01 or 2026-11-01T12:00:00+00:00.",
            ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def said_last(captured: Captured, most: int = 200) -> str:
    """How a request's last message begins, for lists."""
    request = captured.request if isinstance(captured.request, dict) else {}
    value = request.get("messages") or request.get("input") or request.get("prompt") or ""
    last = value[-1] if isinstance(value, list) and value else value
    content = last.get("content", "") if isinstance(last, dict) else last
    if isinstance(content, list):
        texts = [part.get("text") or "" for part in content if isinstance(part, dict)]
        content = " ".join(text for text in texts if isinstance(text, str))
    return " ".join(str(content)[: 2 * most].split())[:most]


def _item_json(item: SampledItem) -> dict[str, Any]:
    """An item as suites have it: the last message, and ``messages`` said before it."""
    document: dict[str, Any] = msgspec.to_builtins(item)
    said = document.pop("messages")
    if len(said) > 1 and said[-1]["role"] == "user":
        document["prompt"] = said[-1]["text"]
        before = [{"role": one["role"], "content": one["text"]} for one in said[:-1]]
        document["messages"] = before
    return document


def _is_since(captured: Captured, since: datetime | None) -> bool:
    if since is None:
        return True
    try:
        return datetime.fromisoformat(captured.time) >= since
    except ValueError:
        return False
