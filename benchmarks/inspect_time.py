"""How fast a configuration is read: one cold command, and all of a folder in one process.

    .venv/bin/python benchmarks/inspect_time.py [FOLDER] [--peer PYTHON]

FOLDER holds config.json files (by default ../shared/data/configs, else our own fixtures). PYTHON is
an interpreter that has transformers and torch: then the same model is also built there on the meta
device, which is what accelerate's estimator does, in turns with ours.

Python caches the bytecode of what it imports. The command is measured with that cache, as every run
but the first has it, and once more without that of our own modules, as in an image that was built
with PYTHONDONTWRITEBYTECODE, where every run compiles them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT.parent / "shared/data/configs", ROOT / "tests/data/configs")
MODEL = "Qwen--Qwen3-8B.json"
RUNS = 9
OURS = "weigh inspect --json"

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


Command = tuple[list[str], dict[str, str]]


def timed(command: list[str], variables: dict[str, str]) -> tuple[float, float]:
    """Wall seconds and peak memory in MiB of one run with these environment variables."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return wall, usage.ru_maxrss / 1024


def commands(config: Path, bare: Path, peer: str | None) -> dict[str, Command]:
    """What is measured, each with its environment; ``bare`` is for a copy without bytecode."""
    cached = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    shutil.copytree(
        ROOT / "src/weighbridge",
        bare / "weighbridge",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    uncached = {**cached, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(bare)}
    ours = [sys.executable, "-m", "weighbridge.cli", "inspect", str(config), "--json"]
    found = {
        "python -c pass": ([sys.executable, "-c", "pass"], cached),
        OURS: (ours, cached),
        "the same, no bytecode of ours": (ours, uncached),
    }
    if peer:
        found["transformers, meta device"] = ([peer, "-c", PEER, str(config)], cached)
    return found


def report(samples: dict[str, list[tuple[float, float]]]) -> None:
    """The table."""
    base = statistics.median(wall for wall, _ in samples[OURS])
    print(f"{'command':30} {'wall s, median':>14} {'min':>6} {'max':>6} {'MiB':>6} {'× ours':>7}")
    for name, runs in samples.items():
        walls = [wall for wall, _ in runs]
        middle = statistics.median(walls)
        memory = max(size for _, size in runs)
        print(
            f"{name:30} {middle:14.3f} {min(walls):6.3f} {max(walls):6.3f} {memory:6.0f} "
            f"{middle / base:7.2f}"
        )
    print(
        "Bytecode is cached, by a run before that is not measured, where it does not say otherwise."
    )


def main() -> None:
    """Measure in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--peer", help="an interpreter with transformers and torch")
    arguments = parser.parse_args()
    folder = arguments.folder or next(path for path in FOLDERS if path.exists())
    config = folder / MODEL
    config = config if config.exists() else next(iter(sorted(folder.glob("*.json"))))
    with tempfile.TemporaryDirectory() as bare:
        measured = commands(config, Path(bare), arguments.peer)
        for command, variables in measured.values():
            timed(command, variables)  # fills the cache
        samples: dict[str, list[tuple[float, float]]] = {name: [] for name in measured}
        for _ in range(RUNS):
            for name, (command, variables) in measured.items():
                samples[name].append(timed(command, variables))
    print(f"{config.name}, {RUNS} runs in turns, load {os.getloadavg()[0]:.1f}")
    report(samples)
    done = subprocess.run(
        [sys.executable, "-c", MANY, str(folder)], capture_output=True, text=True, check=True
    )
    count, seconds = done.stdout.split()
    print(f"{count} configurations in one process: {float(seconds):.3f} s")


if __name__ == "__main__":
    main()
