from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.core.units import MIB
from weighbridge.measure.sandbox import watch
from weighbridge.measure.sandbox.limits import Limits

_LIMITS = replace(Limits(), total_memory_bytes=96 * MIB)
_FIRST = 10**9  # no process of this machine


class _Processes:
    """A parent and three children that share 48 MiB; the children end as they are looked at."""

    def __init__(self, *, always_new: bool) -> None:
        self.living = [_FIRST, *range(_FIRST + 1, _FIRST + 4)]
        self.always_new = always_new
        self.readings = 0

    def descendants(self, pid: int) -> list[int]:
        del pid
        return list(self.living)

    def figures(self, path: str, names: tuple[str, ...]) -> dict[str, int]:
        pid = int(path.split("/")[2])
        if path.endswith("/status"):
            return {"RssAnon": 48 * MIB} if pid in self.living else {}
        self.readings += 1
        if self.always_new:  # one ends and another begins
            self.living = [_FIRST, *(one + 3 for one in self.living[1:])]
        else:
            self.living = [_FIRST]
        return {names[0]: 48 * MIB} if pid in self.living else {}


def _excess(monkeypatch: pytest.MonkeyPatch, processes: _Processes) -> str | None:
    monkeypatch.setattr(watch, "descendants", processes.descendants)
    monkeypatch.setattr(watch, "_kib", processes.figures)
    return watch.excess(1, _LIMITS)


def test_those_that_end_while_they_are_counted_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processes = _Processes(always_new=False)
    assert _excess(monkeypatch, processes) is None
    assert processes.readings == 4, "counted at first as if each had it all"


def test_whoever_keeps_starting_others_is_not_counted_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _excess(monkeypatch, _Processes(always_new=True)) == "memory"
