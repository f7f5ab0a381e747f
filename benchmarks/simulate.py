"""How long simulations take, and how well they agree with what was measured.

    .venv/bin/python benchmarks/simulate.py [--fit-pcie] [--rows 150]

Needs ../shared/data/perf for the comparisons. The recorded requests took no part in any fit, but
for ``--fit-pcie``: exchanges over PCIe, fitted to one run and tried on the other. The closed-loop
runs are among those that the shipped coefficients were fitted to, with the closed form: there the
closed form is in sample, and so are the floors and step times that the simulation shares with it.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

# Instead of this folder, whose inspect.py would hide the standard library's.
sys.path[0] = str(Path(__file__).parents[1] / "tools")

from scipy.optimize import least_squares  # noqa: E402

from serving_rows import Measured, read  # noqa: E402 -- found only with the path above
from weighbridge.core.estimate import Engine, Parallelism, Settings  # noqa: E402
from weighbridge.core.workload import Request, Workload, parse_slo  # noqa: E402
from weighbridge.facts.catalog.catalogue import load as catalogue  # noqa: E402
from weighbridge.facts.devices.catalogue import find  # noqa: E402
from weighbridge.facts.quantizations.what_if import what_if  # noqa: E402
from weighbridge.predict.serving.coefficients import (  # noqa: E402
    ENGINES,
    ServingCoefficients,
    fitted,
)
from weighbridge.predict.serving.latency import latency  # noqa: E402
from weighbridge.predict.serving.scenes import Scene, scenes  # noqa: E402
from weighbridge.predict.simulation.load import (  # noqa: E402
    Replica,
    bear,
    load,
    most_users,
    replay,
    replica,
    saturation,
)
from weighbridge.predict.simulation.rules import Cache, scheduler  # noqa: E402
from weighbridge.predict.simulation.step_table import step_table  # noqa: E402
from weighbridge.predict.table import memory, model  # noqa: E402
from weighbridge.predict.versions import parse_version  # noqa: E402

PERF = Path(__file__).parents[2] / "shared/data/perf"
TRACES = PERF / "vllm_requests_llmservingsim.csv"
SILICON = PERF / "serving_e2e_silicon.csv.gz"

DEVICES = {"RTX4090": "RTX 4090", "RTXPRO6000": "RTX PRO 6000"}
# Of one architecture with the traced model, which the catalogue does not list.
ALIKE = {
    "meta-llama/Llama-3.1-8B": "Llama-3.1-8B-Instruct",
    "Qwen/Qwen3-30B-A3B-Instruct-2507": "Qwen/Qwen3-30B-A3B",
}
METRICS = (("TTFT", "ttft_s", 1.0), ("TPOT", "tpot_ms", 1e-3), ("E2E", "latency_s", 1.0))
# InferenceX sends ten requests per user, all users at once, of random lengths from 80 to 100 % of
# the longest (README.md, RANDOM_RANGE_RATIO): that spread, here about the length in the table. By
# which recipe a row was measured the table does not say.
WAVES, SPREAD = 10, 0.064

Rows = list[dict[str, str]]
Run = tuple[str, str, str, str]


def traces() -> dict[Run, Rows]:
    """Recorded requests by run."""
    runs: dict[Run, Rows] = defaultdict(list)
    with TRACES.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            runs[row["hardware"], row["model"], row["tp"], row["dp"]].append(row)
    return dict(runs)


def traced(run: Run, rows: Rows, c: ServingCoefficients) -> Replica:
    """The replica that a run was recorded on."""
    hardware, name, tensor, copies = run
    device = find(DEVICES[hardware]).device
    architecture = catalogue().find(ALIKE.get(name, name)).architecture()
    of = model(name, architecture, what_if("bf16", architecture))
    spread = Parallelism(int(tensor), expert=int(copies), attention_data=int(copies))
    first = rows[0]
    settings = Settings(
        Engine("vllm", first["vllm_version"]),
        context=8192,
        parallelism=spread,
        max_num_seqs=int(first["max_num_seqs"]),
        max_num_batched_tokens=int(first["max_num_batched_tokens"]),
    )
    scene = Scene(of.work, device, settings.engine, spread, 1, 1, 1)
    return replica(scene, settings, memory(of, settings, device), c)


def deviations(run: Run, rows: Rows, c: ServingCoefficients) -> dict[str, list[float]]:
    """Predicted over measured, less one: mean, p50, p95, p99 of each metric."""
    requests = [
        Request(float(row["arrival_s"]), int(row["input_toks"]), int(row["output_toks"]))
        for row in rows
    ]
    served = [one for part in replay(traced(run, rows, c), requests) for one in part.served]
    predicted = {
        "TTFT": [one.ttft_s for one in served],
        "TPOT": [one.tpot_s or 0.0 for one in served],
        "E2E": [one.e2e_s for one in served],
    }
    found = {}
    for name, column, unit in METRICS:
        measured = [float(row[column]) * unit for row in rows]
        pairs = zip(figures(predicted[name]), figures(measured), strict=True)
        found[name] = [ours / theirs - 1 for ours, theirs in pairs]
    return found


def figures(values: Sequence[float]) -> list[float]:
    """Mean, p50, p95, p99."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return [statistics.fmean(values), cuts[49], cuts[94], cuts[98]]


def show_traces(c: ServingCoefficients, runs: dict[Run, Rows], title: str) -> None:
    """Errors by run and metric."""
    print(f"\n{title}: predicted against measured, open loop, vLLM 0.19")
    print(f"{'run':52s} {'':4s} {'mean':>7s} {'p50':>7s} {'p95':>7s} {'p99':>7s}")
    for run, rows in runs.items():
        hardware, name, tensor, copies = run
        label = f"{name.rpartition('/')[2]} on {hardware} TP{tensor} DP{copies}"
        for metric, off in deviations(run, rows, c).items():
            print(f"{label:52s} {metric:4s} " + " ".join(f"{value:+7.1%}" for value in off))


def fit_pcie(c: ServingCoefficients, runs: dict[Run, Rows]) -> None:
    """Latency and share of exchanges over PCIe from one run, tried on the others."""
    joined = {run: rows for run, rows in runs.items() if run[2:] != ("1", "1")}
    start = [math.log(5e-5), math.log(0.4)]

    def on_pcie(vector: Sequence[float]) -> ServingCoefficients:
        return replace(c, exchange_s=math.exp(vector[0]), exchange_share=math.exp(vector[1]))

    for fitted_run, rows in joined.items():

        def residuals(
            vector: Sequence[float], run: Run = fitted_run, rows: Rows = rows
        ) -> list[float]:
            off = deviations(run, rows, on_pcie(vector))
            drawn = [0.05 * (v - s) for v, s in zip(vector, start, strict=True)]
            return [math.log1p(v) for v in (*off["TPOT"], *off["E2E"])] + drawn

        found = least_squares(residuals, start, diff_step=0.02).x
        seconds, share = math.exp(found[0]), math.exp(found[1])
        name = fitted_run[1].rpartition("/")[2]
        title = f"PCIe fitted on {name}: {seconds * 1e6:.0f} µs, share {share:.2f}"
        show_traces(on_pcie(found), joined, title)


def closed_loop(row: Measured, c: ServingCoefficients, spread: float) -> float:
    """Mean TTFT of a simulated benchmark run, in seconds."""
    scene = replace(row.scene, speculative=row.speculative)
    longest = math.ceil(scene.prompt + scene.output)
    settings = Settings(scene.engine, longest, parallelism=scene.parallelism)
    rules = scheduler(settings, scene.device)
    copies = scene.parallelism.attention_data
    slots = max(1.0, scene.slots / copies)
    users = math.ceil(scene.users / copies)
    most = max(1, int(min(slots, rules.sequences, users)))
    table = step_table(scene, c, sequences=most, longest=longest * 1.2)
    rules = replace(rules, sequences=most)
    of = Replica(table, rules, Cache(slots * longest * 1.2), copies)
    asked = Workload(
        prompt_tokens=round(scene.prompt),
        output_tokens=round(scene.output),
        users=round(scene.users),
        prompt_spread=spread,
        output_spread=spread,
        lengths="uniform",
    )
    run = bear(of, asked, count=max(WAVES * users, WAVES), burst=True)
    return statistics.fmean(one.ttft_s for one in run.served)


def show_silicon(c: ServingCoefficients, count: int) -> None:
    """The closed form and the simulation on the same benchmark runs, by engine."""
    rows = read(SILICON)
    chosen = random.Random(1)
    sample = [
        row
        for engine in ENGINES
        for row in chosen.sample(
            [row for row in rows if row.scene.engine.name == engine], math.ceil(count / 3)
        )
    ]
    laid = scenes([replace(row.scene, speculative=row.speculative) for row in sample])
    ways: dict[str, list[float]] = {
        "closed form": latency(laid, c).ttft_s.tolist(),
        "simulated, lengths ±11 %": [closed_loop(row, c, SPREAD) for row in sample],
        "simulated, equal lengths": [closed_loop(row, c, 0.0) for row in sample],
    }
    ways["equal in SGLang < 0.5.5 (in sample)"] = [
        equal if keeps_step(row) else varied
        for row, varied, equal in zip(sample, *list(ways.values())[1:], strict=True)
    ]
    print(f"\nTTFT of {len(sample)} closed-loop runs: median error (bias)")
    print(f"{'':36s} {'all':>16s} " + " ".join(f"{engine:>16s}" for engine in ENGINES))
    for name, ttft in ways.items():
        off = [ours / row.ttft_s - 1 for ours, row in zip(ttft, sample, strict=True)]
        parts = [off] + [
            [value for value, row in zip(off, sample, strict=True) if row.scene.engine.name == e]
            for e in ENGINES
        ]
        print(f"{name:36s} " + " ".join(f"{error(part):>16s}" for part in parts))


def keeps_step(row: Measured) -> bool:
    """Runs whose requests keep in step, as if of equal lengths: found in these very data."""
    engine = row.scene.engine
    return engine.name == "sglang" and (0,) < parse_version(engine.version) < (0, 5, 5)


def error(off: Sequence[float]) -> str:
    """Median absolute error, and median error."""
    middle = statistics.median(abs(value) for value in off)
    return f"{middle:.1%} ({statistics.median(off):+.0%})"


def show_times(c: ServingCoefficients) -> None:
    """How long simulations and searches take."""
    architecture = catalogue().find("Qwen/Qwen3-8B").architecture()
    of = model("Qwen3-8B", architecture, what_if("bf16", architecture))
    device, settings = find("H100 SXM").device, Settings(Engine("vllm", "0.19.0"), 16384)
    scene = Scene(of.work, device, settings.engine, settings.parallelism, 1, 1, 1)
    use = memory(of, settings, device)
    chat = Workload(900, 400, 64, prompt_spread=0.5, output_spread=0.5, context=16384)
    one = replica(scene, settings, use, c)
    slo = parse_slo("ttft_p95<500ms,tpot_p95<40ms")
    long_answers = replace(chat, output_tokens=1024)
    ways: dict[str, Callable[[], object]] = {
        "table of step times": lambda: replica(scene, settings, use, c),
        "300 requests of 400 tokens, open loop": lambda: bear(
            one, replace(chat, requests_per_s=8.0), count=300
        ),
        "64 users × 10 answers of 1024 tokens": lambda: bear(one, long_answers, count=640),
        "summary of 512 requests": lambda: load(one, chat, slo),
        "saturation rate under an SLO": lambda: saturation(one, chat, slo),
        "most users under an SLO": lambda: most_users(one, chat, slo),
    }
    print("simulating Qwen3-8B on an H100: best of 5")
    for name, way in ways.items():
        print(f"{name:44s} {best_of(way, 5) * 1e3:8.1f} ms")


def best_of(way: Callable[[], object], times: int) -> float:
    """The shortest of some runs, in seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        way()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fit-pcie", action="store_true", help="fit exchanges over PCIe")
    parser.add_argument("--rows", type=int, default=150, help="closed-loop runs to compare")
    arguments = parser.parse_args()
    c = fitted().coefficients
    show_times(c)
    if not (TRACES.exists() and SILICON.exists()):
        print("\n../shared/data/perf is absent: no comparison with measured runs")
        return
    show_traces(c, traces(), "shipped coefficients")
    if arguments.fit_pcie:
        fit_pcie(c, traces())
    show_silicon(c, arguments.rows)


if __name__ == "__main__":
    main()
