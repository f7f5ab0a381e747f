"""Whether the APIs that a study's file names have a price, before anything is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.study_file import StudyFile
from weighbridge.facts.prices.inline import parse_inline
from weighbridge.serve.config.faults import Fault


def price_faults(
    file: StudyFile, workspace: Path, environment: Mapping[str, str]
) -> Iterator[Fault]:
    """What is wrong with the names and prices under ``prices``, each at its place."""
    if file.prices is None:
        return
    names: list[tuple[tuple[str | int, ...], str]] = []
    today = datetime.now(UTC).isoformat(timespec="seconds")
    for key in ("api", "same_model_api"):
        for number, text in enumerate(getattr(file.prices, key)):
            at = ("prices", key, number)
            try:
                if text.strip() and ".." not in text and parse_inline(text, today="") is None:
                    names.append((at, text))
            except WeighbridgeError as error:
                yield Fault(at, str(error).rstrip("."))
    if names:
        yield from _named(names, workspace, environment, today)


def _named(
    names: list[tuple[tuple[str | int, ...], str]],
    workspace: Path,
    environment: Mapping[str, str],
    today: str,
) -> Iterator[Fault]:
    from weighbridge.facts.prices import load  # noqa: PLC0415 -- read only where one is named

    try:
        prices = load(today=today, environment=environment, workspace=workspace)
    except WeighbridgeError as error:
        yield Fault(("prices",), str(error).rstrip("."))
        return
    for at, text in names:
        try:
            known = prices.find_api(text)
        except WeighbridgeError as error:
            yield Fault(at, str(error).rstrip("."))
            continue
        if known.has_ended(prices.today):
            told = f"{known.name} has ended on {known.retires}: nobody can buy it any more"
            yield Fault(at, told)
