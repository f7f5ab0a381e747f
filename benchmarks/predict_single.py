"""Predicted speed of single requests under llama.cpp, each device predicted from all others.

    .venv/bin/python benchmarks/predict_single.py

Needs ../shared/data/perf. Rows and formulas are those of tools/fit_single_stream.py; nothing of a
device takes part in the fit that predicts it.
"""

from __future__ import annotations

import sys
from math import exp
from pathlib import Path
from statistics import mean, median

# Instead of this folder, whose inspect.py would hide the standard library's.
sys.path[0] = str(Path(__file__).parents[1] / "tools")

from fit_single_stream import TASKS, Held, coverage, left_out  # noqa: E402 -- see above
from single_stream_rows import all_rows  # noqa: E402 -- see above

# Of the table that other predictors were measured on: the goal, and the best known.
GOALS = {"decode_tps": ("12 %", "15.7 %"), "prefill_tps": ("30 %", "53.6 % in sample")}
SOURCE = "XiongjieDai"


def line(title: str, found: Held, goal: str = "", known: str = "") -> str:
    """One row of the table."""
    off = [abs(exp(error) - 1) * 100 for _, error in found]
    figures = f"{len(off):4} {mean(off):7.1f} % {median(off):7.1f} %"
    return f"{title:46} {figures}  {goal:>6}  {known}".rstrip()


def main() -> None:
    """Fit once per left-out device and model, and print the errors."""
    print(f"{'':46} {'n':>4} {'mean':>9} {'median':>9}  {'reach':>6}  best known")
    for task in TASKS:
        rows, name = all_rows(task.metric), task.metric.removesuffix("_tps")
        held = left_out(task, rows)
        mine = [(row, error) for row, error in held if row.source == SOURCE]
        sound = [(row, error) for row, error in mine if not row.suspect]
        print(line(f"{name}, one device left out", mine, *GOALS[task.metric]))
        if len(sound) < len(mine):
            print(line(f"{name}, the same, sound rows", sound))
        for source in dict.fromkeys(row.source for row in rows if row.source != SOURCE):
            for kind in (False, True):
                part = [
                    (row, error) for row, error in held
                    if row.source == source and bool(row.load.expert_weights) == kind
                ]  # fmt: skip
                if part:
                    print(line(f"  {source}, {'experts' if kind else 'dense'}", part))
        own = [row for row in rows if row.source == SOURCE and not row.suspect]
        print(line(f"{name}, one model left out, sound rows", left_out(task, own, "model")))
        for source, (count, share) in coverage(held).items():
            print(f"  80 % intervals cover {100 * share:.0f} % of {count} rows of {source}")


if __name__ == "__main__":
    main()
