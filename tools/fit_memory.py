"""Fit the coefficients of memory predictions to vLLM's start-up logs, and write them as TOML.

    .venv/bin/python tools/fit_memory.py [--print]

Few logs are at hand, and many do not say how the engine was started. So every number starts from
what counting tensors in the engine's source gives and moves only as far as the logs insist (a
Gaussian prior), and a log far from the others, of an engine started in some unsaid way, is hardly
heard (Cauchy's loss). The error is told for each model as predicted from all other models' logs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scipy.optimize import least_squares

from memory_rows import GIB, TRUTH, Row, pool_of, rows
from weighbridge.core.estimate import MemoryUse
from weighbridge.predict.memory.coefficients import Coefficients, Era, Spread
from weighbridge.predict.memory.engine_defaults import batch
from weighbridge.predict.memory.profile_run import activation_bytes
from weighbridge.predict.memory.shards import stages
from weighbridge.predict.memory.use import memory_use
from weighbridge.predict.versions import parse_version

TOML = Path(__file__).parents[1] / "src/weighbridge/predict/coefficients/memory.toml"


@dataclass(frozen=True)
class Prior:
    """What counting tensors gives for a number, and how far to trust that (share of it)."""

    value: float
    sd: float
    why: str


SORTING = Prior(38.0, 0.1, "2 + 4 logits, 4 + 8 sorted with indices, and scratch of the sort")
IN_PLACE = Prior(14.0, 0.1, "2 + 4 logits, 4 probabilities, 4 noise")
COPIES = Prior(4.0, 0.25, "input, residual, normed and output of a layer")
BASE_OLD = Prior(0.05, 0.5, "input buffers and kernels' scratch, GiB")
BASE_NEW = Prior(0.12, 0.5, "the same, with buffers of the sampler's kernels, GiB")
ENCODER = Prior(2.3, 0.2, "65,536 patches through an encoder of Qwen2.5-VL's width, GiB")
PRIORS = (SORTING, IN_PLACE, COPIES, BASE_OLD, BASE_NEW, ENCODER)

IN_PLACE_SINCE, GRAPHS_SINCE = "0.17", "0.21"
# The scratch of the sort is the one count that was made with logs of 0.11 in view.
# Outside torch, GiB: one GPU, several over PCIe, several over NVLink. Of the recent era the first
# and the last are the reference's figures for H100s (planner.md, 5): the logs have no row
# of the last; over PCIe, one GPU's and as much again for NCCL.
OVERHEAD_OLD = ((0.1, 0.08), (0.4, 0.3), (0.5, 0.3))
OVERHEAD_NEW = ((0.25, 0.08), (0.5, 0.4), (2.1, 0.5))
# CUDA graphs are taken out of the cache since 0.21 only, by an estimate that logs do not tell.
GRAPHS = (0.6, 0.4)
# A prior counts as many observations of overhead.
WEIGHT_OF_PRIOR = 2
NOISE = 0.05
# Smaller pools tell little: what the log does not say of the start decides them.
LEAST_POOL_GIB = 5.0
# llama.cpp: what its peak on Strix Halo has above weights, cache and buffers (three models).
LLAMACPP = (0.5, 0.2)
SGLANG = (1.0, 0.5)


def observed(logs: Iterable[Row]) -> list[Row]:
    """Rows that tell the activation peak; not those of failed starts or unknown versions."""
    return [
        row
        for row in logs
        if row.number("activation_gib")
        and row.raw["engine_version"]
        and row.device_bytes
        and "failed" not in row.raw["notes"]
    ]


def coefficients_of(theta: Sequence[float], logs: Sequence[Row]) -> Coefficients:
    """The shipped record from fitted numbers; overheads are shrunken means of the logs'."""
    sorting, in_place, copies, base_old, base_new, encoder = theta
    old = Era(
        parse_version("0.0"), sorting, base_old * GIB, *_overheads(logs, OVERHEAD_OLD, new=False),
        Spread(0.0, 0.0),
    )  # fmt: skip
    new = Era(
        parse_version(IN_PLACE_SINCE), in_place, base_new * GIB,
        *_overheads(logs, OVERHEAD_NEW, new=True), Spread(0.0, 0.0),
    )  # fmt: skip
    graphs = Spread(GRAPHS[0] * GIB, GRAPHS[1] * GIB)
    newest = replace(new, since=parse_version(GRAPHS_SINCE), graphs_bytes=graphs)
    return Coefficients(
        eras=(old, new, newest),
        hidden_copies=copies,
        encoder_bytes=encoder * GIB,
        activation_sd=0.05,
        activation_floor_bytes=0.1 * GIB,
        weights_sd=0.005,
        llamacpp_overhead_bytes=Spread(LLAMACPP[0] * GIB, LLAMACPP[1] * GIB),
        llamacpp_buffer_sd=0.2,
        sglang_overhead_bytes=Spread(SGLANG[0] * GIB, SGLANG[1] * GIB),
    )


def activation(row: Row, fitted: Coefficients) -> float:
    """The predicted peak in GiB; of a pipeline the first stage, which is the one that logs show."""
    steps = batch(row.settings, row.device_bytes or 0, row.raw["gpu"])
    stage = stages(row.shape.depth, row.settings.parallelism.pipeline)[0]
    return activation_bytes(
        row.shape, row.settings.parallelism, stage, sequences=steps.sequences,
        batched=steps.tokens, context=row.settings.context,
        era=fitted.era(parse_version(row.settings.engine.version)), fitted=fitted,
    ) / GIB  # fmt: skip


def fit(logs: Sequence[Row]) -> Coefficients:
    """The numbers that explain the logs best and stray least from what counting gives."""
    told = observed(logs)

    def residuals(scaled: Sequence[float]) -> list[float]:
        theta = [prior.value * s for prior, s in zip(PRIORS, scaled, strict=True)]
        fitted = coefficients_of(theta, ())
        off = [
            math.log(activation(row, fitted) / (row.number("activation_gib") or 1.0)) / NOISE
            for row in told
        ]
        # Cauchy's loss for logs only: the further off, the less a log pulls.
        soft = [math.copysign(math.sqrt(math.log1p(r * r)), r) for r in off]
        away = [(s - 1) / prior.sd for prior, s in zip(PRIORS, scaled, strict=True)]
        return soft + away

    found = least_squares(residuals, [1.0] * len(PRIORS), bounds=(0.2, 3.0))
    theta = [prior.value * s for prior, s in zip(PRIORS, found.x, strict=True)]
    return coefficients_of(theta, logs)


def left_out(logs: Sequence[Row]) -> dict[str, Coefficients]:
    """For every model the numbers as fitted to all other models' logs."""
    return {
        model: fit([row for row in logs if row.model != model])
        for model in dict.fromkeys(row.model for row in logs)
    }


def pool_use(row: Row, fitted: Coefficients) -> MemoryUse:
    """What is predicted for a row."""
    return memory_use(
        row.shape, row.table, row.settings, row.device_bytes or 0, device=row.raw["gpu"],
        nvlink=row.nvlink, fitted=fitted,
    )  # fmt: skip


def doubted(fitted: Coefficients, sd: float, floor_gib: float) -> Coefficients:
    """The same numbers with other widths of intervals."""
    return replace(fitted, activation_sd=sd, activation_floor_bytes=floor_gib * GIB)


def covering_floor(logs: Sequence[Row], without: dict[str, Coefficients], sd: float) -> float:
    """The least doubt in GiB with which 80 % intervals cover 80 % of the pools left out."""
    seen = [
        (row, pool)
        for row in logs
        # Of a pipeline the log is of its first stage, the prediction of the fullest.
        if row.device_bytes and row.settings.parallelism.pipeline == 1
        if (pool := pool_of(row)) is not None and pool >= LEAST_POOL_GIB
    ]
    floor = 0.05
    while floor < 1.0:
        covered = 0
        for row, pool in seen:
            cache = pool_use(row, doubted(without[row.model], sd, floor)).cache
            covered += cache.low <= pool * GIB <= cache.high
        if covered >= 0.8 * len(seen):
            return floor
        floor += 0.05
    return floor


def _overheads(
    logs: Sequence[Row], priors: Sequence[tuple[float, float]], *, new: bool
) -> tuple[Spread, Spread, Spread]:
    found = []
    for place, (mean, sd) in enumerate(priors):
        seen = [
            value
            for row in logs
            if (value := row.number("non_torch_gib")) is not None
            and row.raw["engine_version"]
            and "failed" not in row.raw["notes"]
            and "Jetson" not in row.raw["gpu"]
            and row.settings.parallelism.pipeline == 1
            and (parse_version(row.settings.engine.version) >= parse_version(IN_PLACE_SINCE)) == new
            and place == ((1 + row.nvlink) if row.settings.parallelism.tensor > 1 else 0)
        ]
        seen = [statistics.median(seen)] * len(seen) if len(seen) > 2 else seen
        weight = WEIGHT_OF_PRIOR + len(seen)
        found.append(Spread((mean * WEIGHT_OF_PRIOR + sum(seen)) / weight * GIB, sd * GIB))
    one, pcie, nvlink = found
    return one, pcie, nvlink


def render(fitted: Coefficients, told: Sequence[Row], error: float) -> str:
    """The TOML file."""
    models = len({row.model for row in told})
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    lines = [
        "# Written by tools/fit_memory.py; do not edit.",
        f"# Data: {TRUTH.name}, {len(told)} logs of {models} models that tell the activation peak.",
        f"# Date: {today}.",
        f"# Held-out error of that peak, leaving one model out: median {error:.1%}.",
        "# Sizes are in GiB; a pair is the value and its standard deviation.",
        "",
        "[common]",
        f"hidden_copies = {fitted.hidden_copies:.3f}",
        f"encoder_gib = {fitted.encoder_bytes / GIB:.3f}",
        f"activation_sd = {fitted.activation_sd:.3f}",
        f"activation_floor_gib = {fitted.activation_floor_bytes / GIB:.3f}",
        f"weights_sd = {fitted.weights_sd:.4f}",
    ]
    for era in fitted.eras:
        lines += [
            "",
            "[[vllm]]",
            f'since = "{era.since.major}.{era.since.minor}"',
            f"sampler_bytes = {era.sampler_bytes:.3f}",
            f"base_gib = {era.base_bytes / GIB:.4f}",
            f"overhead_gib = {_pair(era.overhead_bytes)}",
            f"overhead_group_gib = {_pair(era.overhead_group_bytes)}",
            f"overhead_nvlink_gib = {_pair(era.overhead_nvlink_bytes)}",
            f"graphs_gib = {_pair(era.graphs_bytes)}",
        ]
    lines += [
        "",
        "[llamacpp]",
        f"overhead_gib = {_pair(fitted.llamacpp_overhead_bytes)}",
        f"buffer_sd = {fitted.llamacpp_buffer_sd:.3f}",
        "",
        "[sglang]",
        f"overhead_gib = {_pair(fitted.sglang_overhead_bytes)}",
    ]
    return "\n".join(lines) + "\n"


def _pair(spread: Spread) -> str:
    return f"[{spread.value / GIB:.3f}, {spread.sd / GIB:.3f}]"


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="write to the terminal only")
    arguments = parser.parse_args()
    logs = list(rows())
    told, without = observed(logs), left_out(logs)
    errors = []
    print(f"{'model':40} {'vLLM':12} {'act GiB':>8} {'held out':>8} {'error':>7}")
    for row in told:
        seen = row.number("activation_gib") or 0.0
        predicted = activation(row, without[row.model])
        errors.append(abs(predicted / seen - 1))
        name, version = row.model[:40], row.raw["engine_version"][:12]
        print(f"{name:40} {version:12} {seen:8.2f} {predicted:8.2f} {predicted / seen - 1:+7.1%}")
    print(f"mean {statistics.mean(errors):.1%}, median {statistics.median(errors):.1%}")
    # So wide that 80 % intervals would have covered 80 % of the models left out.
    covering = sorted(errors)[math.ceil(0.8 * len(errors)) - 1] / 1.2816
    floor = covering_floor(logs, without, covering)
    fitted = doubted(fit(logs), covering, floor)
    for prior, value in zip(PRIORS, _theta(fitted), strict=True):
        print(f"{value:8.3f}  counted {prior.value:g}: {prior.why}")
    text = render(fitted, told, statistics.median(errors))
    if arguments.print:
        print(text)
    else:
        TOML.write_text(text)


def _theta(fitted: Coefficients) -> tuple[float, ...]:
    old, new = fitted.eras[:2]
    return (
        old.sampler_bytes, new.sampler_bytes, fitted.hidden_copies, old.base_bytes / GIB,
        new.base_bytes / GIB, fitted.encoder_bytes / GIB,
    )  # fmt: skip


if __name__ == "__main__":
    main()
