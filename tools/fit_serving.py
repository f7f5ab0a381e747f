"""Fit the coefficients of serving speed, and report their errors on models left out.

    python tools/fit_serving.py ../shared/data/perf/serving_e2e_silicon.csv.gz [--write]

Fitted in logarithms with a robust loss, each coefficient drawn to a value that paper and common
sense suggest (the priors below), so that what the data do not tell stays plausible. The intervals
are of predictions for models that the fit has not seen.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from serving_intervals import FEWEST_RUNS, shipped
from serving_rows import Measured, read
from weighbridge.predict.serving.coefficients import ENGINES, ServingCoefficients
from weighbridge.predict.serving.latency import Latency, latency
from weighbridge.predict.serving.scenes import Scenes, scenes

Array = NDArray[np.float64]
OUT = Path(__file__).parents[1] / "src/weighbridge/predict/coefficients/serving.toml"

# Median and standard deviation of the logarithm, before any data.
PRIORS: dict[str, tuple[float | tuple[float, ...], float]] = {
    "read_weights": (0.8, 0.12),
    "read_experts": (0.7, 0.15),
    "read_cache": (0.7, 0.15),
    "compute_step": (0.5, 0.15),
    "compute_bf16": (0.6, 0.15),
    "compute_fp8": (0.5, 0.15),
    "compute_fp4": (0.35, 0.15),
    "compute_experts": (0.6, 0.3),
    "launch_s": ((4.5e-6, 4.5e-6, 4e-6), 0.35),
    "launch_width": (0.3, 0.5),
    "launch_blackwell": (0.85, 0.2),
    "launch_attention_data": (2e-6, 0.7),
    "kernels_softmax": (6.0, 0.15),
    "kernels_latent": (12.0, 0.2),
    "kernels_dense": (4.0, 0.2),
    "kernels_routed": (9.0, 0.2),
    "kernels_shared": (3.0, 0.2),
    "kernels_quantize": (1.0, 0.3),
    "exchange_s": (8e-6, 0.4),
    "exchange_share": (0.5, 0.4),
    # No run of this table is joined by PCIe: between the values that fit a TP2 run and an EP run of
    # vLLM 0.19 on RTX PRO 6000 (benchmarks/simulate.py --fit-pcie).
    "exchange_pcie_s": (65e-6, 0.2),
    "exchange_pcie_share": (0.25, 0.2),
    "step_s": (3e-4, 0.7),
    "request_s": ((1e-5, 1e-5, 1e-5), 0.7),
    "interference": (1.0, 0.1),
    "expert_spread": (0.75, 0.3),
    "first_floor_s": ((0.01, 0.01, 0.01), 0.4),
    "first_floor_old_s": (0.05, 0.5),
    "first_launch_s": (4e-5, 0.5),
    "first_width": (1.0, 0.2),
    "first_attention_data": (0.5, 0.3),
    "first_stretch": ((1.7, 1.7, 1.7), 0.3),
    "first_queue": ((0.07, 0.15, 0.07), 0.5),
    "first_queue_old": (0.4, 0.3),
    "speculation": (1.7, 0.2),
}
# How far off a run is expected to be, in logarithms, and what a deviation from a prior costs: of 2,
# 3, 5, 8, 12 and 20 the value with the least error on models left out.
TPOT_NOISE, TTFT_NOISE, PRIOR_WEIGHT = 0.1, 0.4, 12.0
LARGEST_SHARE = 0.95
# Architectures with many runs must not drown the others, nor a handful be all that counts.
HEAVIEST = 1.5


def start() -> tuple[Array, Array]:
    """Medians and deviations of all priors, in logarithms, in the order of the fields."""
    medians: list[float] = []
    deviations: list[float] = []
    for field in fields(ServingCoefficients):
        median, deviation = PRIORS[field.name]
        values = median if isinstance(median, tuple) else (median,)
        medians += np.log(values).tolist()
        deviations += [deviation] * len(values)
    return np.array(medians), np.array(deviations)


def unpack(vector: Array) -> ServingCoefficients:
    """Coefficients from their logarithms; shares of paper figures stay below them."""
    values, place = {}, 0
    for field in fields(ServingCoefficients):
        if isinstance(PRIORS[field.name][0], tuple):
            values[field.name] = tuple(np.exp(vector[place : place + len(ENGINES)]).tolist())
            place += len(ENGINES)
        else:
            value = float(np.exp(vector[place]))
            share = field.name.startswith(("read_", "compute_")) or field.name == "exchange_share"
            values[field.name] = min(value, LARGEST_SHARE) if share else value
            place += 1
    return ServingCoefficients(**values)


def errors(times: Latency, rows: Sequence[Measured]) -> tuple[Array, Array]:
    """Logarithms of predicted over measured TTFT and TPOT."""
    ttft = np.log(times.ttft_s) - np.log([row.ttft_s for row in rows])
    tpot = np.log(times.tpot_s) - np.log([row.tpot_s for row in rows])
    return ttft, tpot


def laid_out(rows: Sequence[Measured]) -> Scenes:
    """The scenes of some rows, speculation as recorded."""
    return scenes([replace(row.scene, speculative=row.speculative) for row in rows])


def fit(runs: Sequence[Measured]) -> ServingCoefficients:
    """The coefficients that explain the sound ones among ``runs`` best."""
    rows = [row for row in runs if row.sound]
    medians, deviations = start()
    laid, weights = laid_out(rows), _weights(rows)

    def residuals(vector: Array) -> Array:
        ttft, tpot = errors(latency(laid, unpack(vector)), rows)
        drawn = PRIOR_WEIGHT * (vector - medians) / deviations
        return np.concatenate([weights * tpot / TPOT_NOISE, weights * ttft / TTFT_NOISE, drawn])

    found = least_squares(residuals, medians, loss="soft_l1", max_nfev=60)
    return unpack(found.x)


def _weights(rows: Sequence[Measured]) -> Array:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.family] = counts.get(row.family, 0) + 1
    fair = len(rows) / len(counts)
    return np.array([min(HEAVIEST, (fair / counts[row.family]) ** 0.5) for row in rows])


def left_out(rows: Sequence[Measured], by: str) -> Array:
    """Errors (of TTFT, of TPOT) on each model (or system) of coefficients fitted on all others."""
    groups = [getattr(row, by) for row in rows]
    found = np.zeros((2, len(rows)))
    for name in sorted(set(groups)):
        own = np.array([group == name for group in groups])
        held = [row for row, mine in zip(rows, own, strict=True) if mine]
        rest = [row for row, mine in zip(rows, own, strict=True) if not mine]
        found[:, own] = errors(latency(laid_out(held), fit(rest)), held)
    return found


def summary(error: Array) -> str:
    """Mean and median absolute percentage error, and the bias."""
    off = np.abs(np.expm1(error)) * 100
    bias = np.expm1(np.median(error)) * 100
    return f"mean {off.mean():6.1f} %  median {np.median(off):5.1f} %  bias {bias:+5.0f} %"


def report(rows: Sequence[Measured], by: str) -> Array:
    """Print errors on what was left out; return them all."""
    found = left_out(rows, by)
    groups = np.array([getattr(row, by) for row in rows])
    for name in (*sorted(set(groups)), "all"):
        ttft, tpot = found if name == "all" else found[:, groups == name]
        print(f"  {name:24s} n={len(tpot):5d}  TPOT {summary(tpot)}   TTFT {summary(ttft)}")
    return found


def well_known(rows: Sequence[Measured]) -> list[str]:
    """Names of the devices with enough runs."""
    counts = Counter(row.scene.device.name for row in rows)
    return sorted(name for name, count in counts.items() if count >= FEWEST_RUNS)


def write(c: ServingCoefficients, intervals: dict[str, str], rows: Sequence[Measured]) -> None:
    """The file that the package ships.

    Args:
        c: the coefficients.
        intervals: lines of each table that says how far they err.
        rows: what they were fitted on.
    """
    models = ", ".join(sorted({row.family for row in rows}))
    lines = [
        "# Written by tools/fit_serving.py; predict/serving/coefficients.py explains the fields.",
        f'source = "{len(rows)} public serving runs of {models}"',
        f"date = {dt.datetime.now(dt.UTC).date().isoformat()}",
        f"devices = {json.dumps(well_known(rows))}",
    ]
    for name, text in intervals.items():
        lines += ["", f"[{name}]", text]
    lines += ["", "[coefficients]"]
    for field in fields(ServingCoefficients):
        value = getattr(c, field.name)
        if isinstance(value, tuple):
            inner = ", ".join(f"{e} = {v:.4g}" for e, v in zip(ENGINES, value, strict=True))
            lines.append(f"{field.name} = {{ {inner} }}")
        else:
            lines.append(f"{field.name} = {value:.4g}")
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Fit, report, and with --write ship."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("table", type=Path)
    parser.add_argument("--write", action="store_true", help="write the package's file")
    arguments = parser.parse_args()
    rows = read(arguments.table)
    fitted = fit(rows)
    ttft, tpot = errors(latency(laid_out(rows), fitted), rows)
    print(f"in sample ({len(rows)} runs)\n  TPOT {summary(tpot)}   TTFT {summary(ttft)}")
    print("one model left out")
    models = report(rows, "family")
    print("one system left out")
    systems = report(rows, "system")
    if arguments.write:
        write(fitted, shipped(rows, models, systems), rows)


if __name__ == "__main__":
    main()
