"""Memory and speed of training, predicted, against published runs.

    .venv/bin/python benchmarks/tuning.py

Needs ../shared/data/finetune_vram.csv. Rows of kind "measured" are scored; runs of other software,
whose settings are in files beside, are shown for themselves; estimates and vendors' minima are set
beside our figure and not scored, because nobody ran them.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

# Instead of this folder, whose inspect.py would hide the standard library's.
sys.path[0] = str(Path(__file__).parents[1] / "tools")

from fit_tuning import error, held_out, mean_error  # noqa: E402 -- found only with the path above
from tuning_rows import Row, elsewhere, read_rows, scored  # noqa: E402
from weighbridge.core.tuning import TuningRun  # noqa: E402
from weighbridge.core.units import GIB  # noqa: E402
from weighbridge.facts.catalog import load  # noqa: E402
from weighbridge.facts.devices.catalogue import find  # noqa: E402
from weighbridge.predict.tuning.coefficients import COUNTED, coefficients  # noqa: E402
from weighbridge.predict.tuning.memory import tuning_memory  # noqa: E402
from weighbridge.predict.tuning.shapes import shape_of  # noqa: E402
from weighbridge.predict.tuning.speed import training_time  # noqa: E402

_SUSPECT = "RTX A6000"
_NAMES = {"A100": "A100 SXM 80GB", "8x A100": "A100 SXM 80GB"}
# Models near the nominal sizes that estimates and vendors' minima are given for.
_NEAR = {"7B": "Qwen2.5-7B-Instruct", "8B": "Meta-Llama-3.1-8B", "14B": "Qwen3-14B"}
_NEAR |= {"32B": "Qwen3-32B", "70B": "Llama-3.1-70B-Instruct"}


def main() -> None:
    """Print all tables."""
    rows = read_rows()
    ours, others = scored(rows), elsewhere(rows)
    measured = sum(row.kind == "measured" for row in rows)
    print(f"{measured} rows of kind measured, {len(ours)} scored")
    _memory("torchtune, active memory", ours)
    fitted = mean_error(held_out(ours))
    print(f"leaving one model out, three coefficients fitted: {100 * fitted:.1f} %")
    held = [abs(_total(row) / (row.bytes or 1) - 1) for row in ours]
    print(f"the same rows against our total, with the CUDA context: {_mean(held)}")
    _memory("axolotl, reserved memory against our active", others)
    _coverage("torchtune", ours)
    _coverage("axolotl", others)
    _speed(ours)
    _beside(rows)


def _memory(title: str, rows: Sequence[Row]) -> None:
    print(f"\n{title}\n| run | measured GiB | predicted | error |\n|---|---|---|---|")
    by_method: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        off = math.exp(error(row, COUNTED)) - 1
        measured = (row.bytes or 0) / GIB
        print(f"| {row.label} | {measured:.1f} | {measured * (1 + off):.1f} | {100 * off:+.1f} % |")
        by_method[row.run.method if row.run else ""].append(abs(off))
    for method, errors in by_method.items():
        print(f"{method}: mean error {_mean(errors)} of {len(errors)} rows")
    every = [one for errors in by_method.values() for one in errors]
    print(f"all: mean error {_mean(every)} of {len(every)} rows, worst {100 * max(every):.1f} %")
    certain = [abs(math.exp(error(row, COUNTED)) - 1) for row in rows if _SUSPECT not in row.device]
    print(f"without rows on an {_SUSPECT}: {_mean(certain)} of {len(certain)}")


def _total(row: Row) -> float:
    assert row.shape is not None
    assert row.run is not None
    return tuning_memory(row.shape, row.run).total.value


def _coverage(title: str, rows: Iterable[Row]) -> None:
    """How many measurements lie within what we say that a device has to have, without CUDA's."""
    known, within, total = coefficients(), 0, 0
    for row in rows:
        share = math.exp(-error(row, COUNTED))
        within += known.reserve[0] <= share <= known.reserve[1]
        total += 1
    print(f"{title}: {within} of {total} within the 80 % interval of the total")


def _speed(rows: Sequence[Row]) -> None:
    print("\nspeed\n| run | measured tokens/s | predicted | low | high | error |")
    print("|---|---|---|---|---|---|")
    errors, within, total = [], 0, 0
    for row in rows:
        if row.tokens_per_s is None or row.run is None or row.shape is None:
            continue
        name = row.device.replace("8x ", "")
        device = find(_NAMES.get(row.device, name)).device
        packed = not row.note.startswith("baseline")
        found = training_time(
            row.shape, row.run, device, 1e6, packed=packed, length=row.run.padded
        ).tokens_per_s
        off = found.value / row.tokens_per_s - 1
        left_out = _excluded(row)
        print(
            f"| {row.label} | {row.tokens_per_s:,.0f} | {found.value:,.0f} | {found.low:,.0f} | "
            f"{found.high:,.0f} | {100 * off:+.0f} %{f' ({left_out})' if left_out else ''} |"
        )
        if not left_out:
            errors.append(abs(off))
            within += found.low <= row.tokens_per_s <= found.high
            total += 1
    print(f"mean error {_mean(errors)}, {within} of {total} within the interval")


def _excluded(row: Row) -> str:
    """Why a row's speed is not scored; empty where it is."""
    if row.device == _SUSPECT:
        return "not scored: nearly all of the device's peak"
    if row.run is not None and row.run.weights_offload:
        return "not scored: our factor for offloading is from it"
    if row.note.startswith(("baseline", "+compile", "+packed")):
        return "not scored: our factors for packing and compiling are from it"
    return ""


def _beside(rows: Sequence[Row]) -> None:
    """Others' estimates and minima beside ours, as they are."""
    catalogue = load()
    print("\nnot scored\n| size | method | kind | GiB | ours, 2,048 tokens, batch 1 |")
    print("|---|---|---|---|---|")
    for row in rows:
        name = _NEAR.get(row.model)
        run = _plain(row.method)
        if row.kind not in {"estimate", "vendor minimum"} or name is None or run is None:
            continue
        shape = shape_of(catalogue.find(name).architecture())
        total = tuning_memory(shape, run).total
        print(
            f"| {row.model} | {row.method} | {row.kind} | {(row.bytes or 0) / GIB:.1f} | "
            f"{total.value / GIB:.1f} [{total.low / GIB:.1f}, {total.high / GIB:.1f}] {name} |"
        )


def _plain(method: str) -> TuningRun | None:
    for start, run in {
        "QLoRA": TuningRun("qlora", batch=1, loss="fused", optimizer="adamw-8bit"),
        "LoRA": TuningRun("lora", batch=1, loss="fused", optimizer="adamw-8bit"),
        "Full (bf16/fp16": TuningRun("full", batch=1),
        "Full (pure": TuningRun("full", batch=1, precision="bf16"),
    }.items():
        if method.startswith(start):
            return run
    return None


def _mean(errors: Sequence[float]) -> str:
    return f"{100 * sum(errors) / len(errors):.1f} %"


if __name__ == "__main__":
    main()
