"""A study over two real engines that are given by their addresses alone.

    .venv/bin/python benchmarks/bench_study_engines.py

The embedded llama.cpp with a demo model, and a real vLLM on the CPU with a tiny Llama of random
weights: both call their model `bench`, so that only the candidates' names tell them apart. The
study loads and evaluates both, counts costs and decides; then it is run again, and nothing may be
asked a second time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_engines import Engine, llamacpp, vllm

STUDY = """\
name: two-addresses
seed: 1
candidates:
  trained: {{url: "{trained}", model: bench, inspect: "demo:clerk-f16.gguf", tokens_per_s: 500}}
  random: {{url: "{random}", model: bench, tokens_per_s: 50}}
workload: {{users: [1, 4], prompt_tokens: 40, output_tokens: 24, volume: 1M-tokens/day}}
slo: e2e_p95<60s
constraints: {{data_may_leave: false}}
suites:
  - {{suite: "demo:extraction", limit: 40, compare: [[random, trained]]}}
bench: {{requests: 24, send: suites}}
prices: {{api: [some-api=0.5/1.5], hardware: {{gpu_price: 0.05}}}}
"""


def run(folder: Path) -> tuple[float, dict[str, Any]]:
    """Wall seconds and the figures of one run of the study."""
    command = [sys.executable, "-m", "weighbridge.cli", "study", "run", "--json"]
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"`weigh study run` ended with {done.returncode}:\n{done.stderr}")
    return time.monotonic() - began, json.loads(done.stdout)


def show(seconds: float, figures: dict[str, Any], engines: tuple[Engine, Engine]) -> None:
    """What came of the study."""
    print(f"{figures['machine']}; {engines[0].name} and {engines[1].name}; {seconds:.0f} s")
    for stage in figures["stages"]:
        print(f"  {stage['stage']:8} {stage['state']:10} {stage['seconds']:6.1f} s")
    for one in figures["eval"]:
        print(f"  {one['model']}: {100 * one['accuracy']:.1f} % right of {one['n']}")
    print(f"  {figures['decide']['sentence']}")
    for sentence in figures["not_checked"]:
        print(f"  not checked: {sentence}")


def main() -> None:
    """Run the study twice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    peers = Path.home() / ".cache" / "weighbridge" / "peers"
    parser.add_argument("--folder", type=Path, default=peers, help="where vLLM's environment is")
    peers = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with llamacpp(folder) as trained, vllm(folder, peers) as random:
            text = STUDY.format(trained=trained.url, random=random.url)
            (folder / "study.yaml").write_text(text)
            seconds, figures = run(folder)
            show(seconds, figures, (trained, random))
            counted = trained.count(), random.count()
            again, repeated = run(folder)
            asked = (trained.count(), random.count()) != counted
    same = all(figures[key] == repeated[key] for key in ("bench", "eval", "cost", "decide"))
    verdict = "asked nothing and says the same" if same and not asked else "IS NOT THE SAME"
    print(f"the second run took {again:.1f} s, {verdict}")
    right = figures["decide"]["assignment"]["models"] == ["trained"]
    sys.exit(0 if same and right and not asked else 1)


if __name__ == "__main__":
    main()
