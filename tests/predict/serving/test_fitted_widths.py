"""How the tool that fits intervals weighs runs: by what they can say."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weighbridge.predict.serving.coefficients import Intervals

TOOLS = Path(__file__).parents[3] / "tools"


@dataclass(frozen=True)
class Device:
    name: str


@dataclass(frozen=True)
class Scene:
    device: Device
    users: float


@dataclass(frozen=True)
class Run:
    """What the tool looks at of a run."""

    family: str
    scene: Scene
    sound: bool = True


def runs(device: str, models: str, count: int) -> list[Run]:
    return [
        Run(model, Scene(Device(device), users=(16.0, 64.0)[number % 2]))
        for model in models
        for number in range(count)
    ]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("serving_intervals")


def widths(tool: Any, rows: list[Run], off: list[float]) -> Intervals:
    errors = np.array([off, off])
    found: Intervals = tool.intervals(rows, errors, errors)
    return found


KNOWN = [*runs("usual", "abcd", 100)]
CALM = list(np.linspace(-0.2, 0.2, len(KNOWN)))


def test_runs_of_unknown_load_say_nothing(tool: Any) -> None:
    wild = [replace(one, sound=False) for one in runs("rare", "a", 30)]
    with_them = widths(tool, [*KNOWN, *wild], [*CALM, *[-2.0] * 30])
    assert with_them == widths(tool, KNOWN, CALM)


def test_a_handful_of_runs_counts_less_than_many(tool: Any) -> None:
    highs = []
    for count in (3, 30, 300):
        rows = [*KNOWN, *runs("rare", "ab", count)]
        of_models = np.array([*CALM, *np.linspace(-1.0, 0.0, 2 * count)])
        of_systems = np.array([*CALM, *np.linspace(-0.2, 0.2, 2 * count)])
        found = tool.intervals(rows, np.array([of_models] * 2), np.array([of_systems] * 2))
        highs.append(found.tpot["rare"].high)
    assert highs == sorted(set(highs))
