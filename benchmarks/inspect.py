"""How fast a configuration is read: one cold command, and all of a folder in one process.

    .venv/bin/python benchmarks/inspect.py [FOLDER] [--peer PYTHON]

FOLDER holds config.json files (by default ../shared/data/configs, else our own fixtures). PYTHON is
an interpreter that has transformers and torch: then the same model is also built there on the meta
device, which is what accelerate's estimator does, in turns with ours.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT.parent / "shared/data/configs", ROOT / "tests/data/configs")
MODEL = "Qwen--Qwen3-8B.json"
RUNS = 9

MANY = """
import json, sys, time
from pathlib import Path
from weighbridge.facts.architectures.read import read_config
texts = [(path.stem, path.read_text()) for path in sorted(Path(sys.argv[1]).glob("*.json"))]
started = time.perf_counter()
for name, text in texts:
    read_config(json.loads(text), name=name).kv_bytes(32768)
print(len(texts), time.perf_counter() - started)
"""
PEER = """
import json, sys, torch
from transformers import AutoConfig, AutoModelForCausalLM
raw = json.load(open(sys.argv[1]))
config = AutoConfig.for_model(**raw)
with torch.device("meta"):
    model = AutoModelForCausalLM.from_config(config)
print(sum(p.numel() for p in model.parameters()))
"""


def timed(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory in MiB of one run."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        started = time.perf_counter()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return wall, usage.ru_maxrss / 1024


def main() -> None:
    """Measure in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--peer", help="an interpreter with transformers and torch")
    arguments = parser.parse_args()
    folder = arguments.folder or next(path for path in FOLDERS if path.exists())
    config = folder / MODEL
    config = config if config.exists() else next(iter(sorted(folder.glob("*.json"))))
    ours = [sys.executable, "-m", "weighbridge.cli", "inspect", str(config), "--json"]
    commands = {"python -c pass": [sys.executable, "-c", "pass"], "weigh inspect --json": ours}
    if arguments.peer:
        commands["transformers, meta device"] = [arguments.peer, "-c", PEER, str(config)]
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            samples[name].append(timed(command))
    base = statistics.median(wall for wall, _ in samples["weigh inspect --json"])
    print(f"{config.name}, {RUNS} runs in turns, load {os.getloadavg()[0]:.1f}")
    print(f"{'command':28} {'wall s, median':>14} {'min':>6} {'max':>6} {'MiB':>6} {'× ours':>7}")
    for name, runs in samples.items():
        walls = [wall for wall, _ in runs]
        middle = statistics.median(walls)
        memory = max(size for _, size in runs)
        print(
            f"{name:28} {middle:14.3f} {min(walls):6.3f} {max(walls):6.3f} {memory:6.0f} "
            f"{middle / base:7.2f}"
        )
    done = subprocess.run(
        [sys.executable, "-c", MANY, str(folder)], capture_output=True, text=True, check=True
    )
    count, seconds = done.stdout.split()
    print(f"{count} configurations in one process: {float(seconds):.3f} s")


if __name__ == "__main__":
    main()
