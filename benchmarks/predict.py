"""The table of prediction errors: whatever is predicted took no part in the fit that predicts it.

    .venv/bin/python benchmarks/predict.py

Needs ../shared/data/perf, and a minute. Models of one architecture (DeepSeek-V3 and R1) are
left out together; intervals of a model are as wide as the errors on all others say. Details of
each line: predict_memory.py, predict_single.py, simulate.py and plan.py beside this.
"""

from __future__ import annotations

import sys
from math import exp
from pathlib import Path
from statistics import mean, median

# Instead of this folder, whose inspect.py would hide the standard library's.
sys.path[0] = str(Path(__file__).parents[1] / "tools")

import numpy as np  # noqa: E402

import memory_report  # noqa: E402 -- see above
import serving_report as serving  # noqa: E402
from fit_memory import left_out as memory_left_out  # noqa: E402
from fit_single_stream import TASKS  # noqa: E402
from fit_single_stream import left_out as single_left_out  # noqa: E402
from memory_rows import SHARED, rows  # noqa: E402
from serving_rows import read  # noqa: E402
from single_stream_rows import all_rows  # noqa: E402

Line = tuple[str, str, str, str, str]


def memory() -> list[Line]:
    """Bytes per token, and the pool that is left."""
    logs = list(rows())
    tokens = memory_report.tokens(logs)
    ours, naive = memory_report.pools(logs, memory_left_out(logs))
    return [
        ("KV bytes/token, vLLM logs", "-", "0.085 %", "<= 0.1 %", f"{tokens:.3%}"),
        ("vLLM KV pool, >= 5 GiB", f"{naive:.1%}", "6.2-7.8 %", "<= 4 %", f"{ours:.1%}"),
    ]


def single() -> list[Line]:
    """One request under llama.cpp, one device left out."""
    known = {
        "decode_tps": ("single-stream decode", "27.9 %", "15.7 %", "<= 12 %"),
        "prefill_tps": ("prefill", "53.6 %", "-", "<= 30 %"),
    }
    found = []
    for task in TASKS:
        title, naive, best, reach = known[task.metric]
        held = single_left_out(task, all_rows(task.metric))
        mine = [(row, abs(exp(error) - 1)) for row, error in held if row.source == "XiongjieDai"]
        sound = [error for row, error in mine if not row.suspect]
        everything = mean(error for _, error in mine)
        text = f"{everything:.1%}"
        if len(sound) < len(mine):
            text = f"{mean(sound):.1%}; {text} with {len(mine) - len(sound)} faulty rows"
        found.append((f"{title}, one device left out", naive, best, reach, text))
    return found


def served() -> list[Line]:
    """Serving, one model left out."""
    runs = read(SHARED / "perf/serving_e2e_silicon.csv.gz")
    outcomes = serving.held_out(runs)
    tpot = serving.percentage_errors(outcomes, "tpot_s")
    ttft = serving.percentage_errors(outcomes, "ttft_s")
    model, system = (serving.coverage(runs, by).mean(axis=1) for by in ("family", "system"))
    speed = serving.regrets(outcomes, serving.speed)
    worth = serving.regrets(outcomes, serving.throughput)
    one = ", one model left out"
    return [
        (f"serving TPOT{one}, mean", "43 %", "23.6 %", "<= 18 %", f"{tpot.mean():.1f} %"),
        (f"serving TPOT{one}, median", "40 %", "14.8 %", "<= 11 %", f"{np.median(tpot):.1f} %"),
        (f"serving TTFT{one}, median", "92 %", "39 %", "<= 30 %", f"{np.median(ttft):.1f} %"),
        ("  its 80 % interval covers", "-", "-", "75-85 %", f"{model[0]:.0%}"),
        ("  that of TPOT covers", "-", "-", "75-85 %", f"{model[1]:.0%}"),
        (
            "  one system left out: TTFT, TPOT",
            "-",
            "-",
            "75-85 %",
            f"{system[0]:.0%} and {system[1]:.0%}",
        ),
        ("regret, tokens/s of a user, median", "-", "-", "<= 3 %", f"{median(speed):.1%}"),
        ("regret, tokens/s of a device, median", "-", "-", "<= 3 %", f"{median(worth):.1%}"),
    ]


def main() -> None:
    """Print the table."""
    lines = [*memory(), *single(), *served()]
    head = ("target", "naive", "best known", "reach", "reached")
    print()
    for line in (head, *lines):
        print(f"{line[0]:44} {line[1]:>8} {line[2]:>10} {line[3]:>9}  {line[4]}")


if __name__ == "__main__":
    main()
