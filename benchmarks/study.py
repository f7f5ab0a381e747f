"""The demo's study with real engines: how long it takes, and what five kills do to it.

    .venv/bin/python benchmarks/study.py

From nothing to the report; then in another workspace the same, killed (SIGKILL) at five moments
drawn by a seed and run again each time. Decision, evaluations and comparisons have to be the same,
no engine may be left, and a further run has to rest on the same measurements.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

EXAMPLE = Path(__file__).parents[1] / "examples" / "demo" / "study.yaml"
RUN = [sys.executable, "-m", "weighbridge.cli", "study", "run", str(EXAMPLE), "--json"]
KILLS = 5
MOST_S = 180.0


def finished(folder: Path) -> tuple[float, dict[str, Any]]:
    """Wall seconds and figures of a run to the end."""
    began = time.monotonic()
    done = subprocess.run(RUN, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"`weigh study run` ended with {done.returncode}:\n{done.stderr}")
    return time.monotonic() - began, json.loads(done.stdout)


def killed(folder: Path, after_s: float) -> tuple[str, int]:
    """Kill a run; the last that it said, and how many of its processes were left a second later."""
    with subprocess.Popen(
        RUN, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        time.sleep(after_s)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        assert process.stderr is not None
        said = process.stderr.read().splitlines()
    _, left = psutil.wait_procs(family, timeout=2)
    running = [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    return (said or ["(nothing yet)"])[-1], len(running)


def decided(figures: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on being killed: all but times and ids."""
    return {
        "assignment": figures["decide"]["assignment"]["by_task"],
        "sentence": figures["decide"]["sentence"],
        "right": {(one["model"], one["suite"]): one["accuracy"] for one in figures["eval"]},
        "pairs": figures["compare"]["pairs"],
        "states": {stage["stage"]: stage["state"] for stage in figures["stages"]},
    }


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        seconds, whole = finished(Path(one))
        print(f"{whole['machine']}: from nothing to the report in {seconds:.1f} s")
        draw = random.Random(8)
        orphans = 0
        for number in range(KILLS):
            after_s = draw.uniform(0.5, 0.3 * seconds)
            said, left = killed(Path(other), after_s)
            orphans += left
            print(f"  kill {number + 1} after {after_s:4.1f} s, at: {said}; engines left: {left}")
        rest_s, resumed = finished(Path(other))
        _, again = finished(Path(other))
    same = decided(whole) == decided(resumed)
    kept = all(resumed[key] == again[key] for key in ("bench", "eval", "cost", "decide", "route"))
    print(f"the rest took {rest_s:.1f} s; the decision is {'the same' if same else 'ANOTHER ONE'}")
    print(f"a further run rests on {'the same' if kept else 'OTHER'} measurements")
    sys.exit(0 if same and kept and not orphans and seconds < MOST_S else 1)


if __name__ == "__main__":
    main()
