"""Fit the speed of single requests under llama.cpp; report the errors on devices left out.

    python tools/fit_single_stream.py [../shared/data/perf] [--write]

Every coefficient is drawn to what physics or common sense suggest (the priors below, of its
logarithm); what belongs to a vendor, a generation or a packing is a deviation from a common value.
Residuals are of the logarithm of time under Cauchy's loss: a faulty measurement hardly pulls. The
form was chosen with the left-out errors of these tables in view, the exponents of the smooth
maximum by a nested choice: expect other tables to err a little more.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from single_stream_rows import PERF, Metric, Row, all_rows
from weighbridge.predict.llamacpp.coefficients import (
    DecodeCoefficients,
    PrefillCoefficients,
    Setting,
    Table,
    half_width,
)
from weighbridge.predict.llamacpp.single_stream import decode_s, prefill_s

Array = NDArray[np.float64]
Prior = tuple[float, float]  # median and standard deviation of the logarithm
Values = dict[str, float]
Held = list[tuple[Row, float]]  # a row and the logarithm of its measured ÷ predicted time

OUT: Final = Path(__file__).parents[1] / "src/weighbridge/predict/coefficients/single_stream.toml"
VENDORS: Final = ("NVIDIA", "AMD", "Apple")
PACKINGS: Final = ("q8", "q4", "k", "iq")
GENERATIONS: Final = ("Ampere", "Ampere HBM", "Ada", "Hopper", "Blackwell")
APPLE: Final = ("M1", "M2", "M3", "M4")
SMOOTH: Final[dict[Metric, float]] = {"decode_tps": 4.0, "prefill_tps": 3.0}
# What of a row's error is not the formula's: benchmarks repeat within a few per cent, posts do not.
NOISE: Final[dict[Metric, dict[str, float]]] = {
    "decode_tps": {
        "XiongjieDai": 0.06, "Strix Halo": 0.06, "localmaxxing": 0.25, "gguf types": 0.1,
    },
    "prefill_tps": {
        "XiongjieDai": 0.15, "Strix Halo": 0.2, "localmaxxing": 0.3, "gguf types": 0.3,
    },
}  # fmt: skip
# Quantile of held-out errors that makes 80 % intervals, and the devices that a group is shrunk by.
LEVEL, SHRUNK_BY = 0.84, 4


def decode_priors() -> dict[str, Prior]:
    """Medians from physics where there is any, else loose."""
    priors: dict[str, Prior] = {
        "efficiency": (0.93, 0.05), "efficiency CPU": (0.7, 0.2), "bytes": (7.5, 0.15),
        "ecc": (0.92, 0.04), "cache": (1.1, 0.3), "expert us": (40, 0.5),
        "expert reads": (1.15, 0.15), "recurrent us": (20, 0.5), "die us": (60, 0.5),
        "handover ms": (0.25, 0.7),
    }  # fmt: skip
    for vendor in VENDORS:
        priors |= {
            f"efficiency {vendor}": (1, 0.04), f"bytes {vendor}": (1, 0.15),
            f"cache {vendor}": (1, 0.3),
        }  # fmt: skip
    for packing, cycles in zip(PACKINGS, (0.01, 0.01, 0.03, 0.07), strict=True):
        priors[f"unpack {packing}"] = (cycles, 0.5)
        priors |= {f"unpack {packing}/{vendor}": (1, 0.5) for vendor in VENDORS}
    launches = {
        "cuda-2024": 80, "cuda": 40, "metal-2024": 80, "metal": 50, "vulkan": 50, "rocm": 80,
        "cpu": 10, "vllm": 25,
    }  # fmt: skip
    return priors | {f"launch {name}": (us, 0.5) for name, us in launches.items()}


def prefill_priors() -> dict[str, Prior]:
    """As for decoding."""
    priors: dict[str, Prior] = {
        "efficiency NVIDIA": (0.6, 0.2), "efficiency Apple": (0.7, 0.15),
        "efficiency AMD": (0.3, 0.3), "efficiency CPU": (0.7, 0.4),
        "watt": (0.33, 0.2), "2024 NVIDIA": (0.8, 0.15), "2024 Apple": (0.88, 0.1),
        "reads": (1.1, 0.25), "launch": (50, 0.5), "attention": (0.7, 0.4), "tile": (50, 0.4),
        "overlap float": (0.95, 0.1), "overlap packed": (0.6, 0.2),
    }  # fmt: skip
    priors |= {f"watt {generation}": (1, 0.3) for generation in GENERATIONS}
    priors |= {f"apple {generation}": (1, 0.12) for generation in APPLE}
    priors |= {f"packing {packing}": (1.0, 0.12) for packing in PACKINGS}
    return priors | {f"tile {vendor}": (1, 0.4) for vendor in VENDORS}


def decode_of(v: Values, smooth: float) -> DecodeCoefficients:
    """The record of a set of values."""
    unpack: Table = {"float": 0.0}
    for packing in PACKINGS:
        common = v[f"unpack {packing}"]
        unpack[packing] = common
        unpack |= {f"{packing}/{x}": common * v[f"unpack {packing}/{x}"] for x in VENDORS}
    launch = {name.split(" ", 1)[1]: us for name, us in v.items() if name.startswith("launch ")}
    return DecodeCoefficients(
        smooth=smooth,
        ecc=v["ecc"],
        expert_reads=v["expert reads"],
        expert_us=v["expert us"],
        recurrent_us=v["recurrent us"],
        die_us=v["die us"],
        handover_ms=v["handover ms"],
        efficiency=_by_vendor(v, "efficiency") | {"CPU": v["efficiency CPU"]},
        bytes_per_cycle=_by_vendor(v, "bytes"),
        unpack=unpack,
        cache={vendor: max(1.0, reads) for vendor, reads in _by_vendor(v, "cache").items()},
        launch_us=launch | {"other": launch["vulkan"]},
    )


def prefill_of(v: Values, smooth: float) -> PrefillCoefficients:
    """The record of a set of values."""
    efficiency = {vendor: min(1.0, v[f"efficiency {vendor}"]) for vendor in VENDORS}
    efficiency |= {f"Apple/{g}": min(1.0, v["efficiency Apple"] * v[f"apple {g}"]) for g in APPLE}
    # Of fp32: processors multiply short integers, up to twice as fast.
    efficiency["CPU"] = min(2.0, v["efficiency CPU"])
    packing = {"float": 1.0} | {p: v[f"packing {p}"] for p in PACKINGS}
    packing |= {f"2024/{x}": v[f"2024 {x}"] / v["packing k"] for x in ("NVIDIA", "Apple")}
    return PrefillCoefficients(
        smooth=smooth,
        reads=v["reads"],
        launch_us=v["launch"],
        attention=v["attention"],
        efficiency=efficiency | {"other": efficiency["AMD"]},
        per_watt={"other": v["watt"]} | {g: v["watt"] * v[f"watt {g}"] for g in GENERATIONS},
        packing=packing,
        expert_tile=_by_vendor(v, "tile"),
        overlap={name: min(1.0, v[f"overlap {name}"]) for name in ("float", "packed")},
    )


def _by_vendor(v: Values, name: str) -> Table:
    return {"other": v[name]} | {vendor: v[name] * v[f"{name} {vendor}"] for vendor in VENDORS}


@dataclass(frozen=True)
class Task:
    """One of the two formulas, with what fits it."""

    metric: Metric
    priors: dict[str, Prior]
    build: Callable[[Values, float], Any]
    predict: Callable[[Row, Any], float]


def _decode(row: Row, c: DecodeCoefficients) -> float:
    cache = row.load.cache_bytes(row.tokens)
    return decode_s(row.chip, row.load, cache, c, backend=row.backend, devices=row.devices)


def _prefill(row: Row, c: PrefillCoefficients) -> float:
    found = prefill_s(
        row.chip, row.load, row.tokens, c, backend=row.backend, devices=row.devices
    )  # fmt: skip
    if found is None:
        raise ValueError(row)
    return found


TASKS: Final = (
    Task("decode_tps", decode_priors(), decode_of, _decode),
    Task("prefill_tps", prefill_priors(), prefill_of, _prefill),
)


def fit(task: Task, rows: Sequence[Row]) -> Any:  # noqa: ANN401 -- either record
    """The coefficients with the highest posterior."""
    smooth, names = SMOOTH[task.metric], list(task.priors)
    center = np.array([log(task.priors[name][0]) for name in names])
    deviation = np.array([task.priors[name][1] for name in names])
    # Rows that differ in length only count as one.
    repeats = Counter(_evidence(row) for row in rows)
    quiet = NOISE[task.metric]
    noise = np.array([quiet[row.source] * repeats[_evidence(row)] ** 0.5 for row in rows])
    truth = np.array([log(row.seconds) for row in rows])

    def residuals(vector: Array) -> Array:
        record = task.build(dict(zip(names, map(exp, vector), strict=True)), smooth)
        found = np.array([log(task.predict(row, record)) for row in rows])
        return np.concatenate([_cauchy((found - truth) / noise), (vector - center) / deviation])

    best = least_squares(residuals, center, method="trf", max_nfev=40, ftol=1e-5, xtol=1e-5)
    return task.build(dict(zip(names, map(exp, best.x), strict=True)), smooth)


def _evidence(row: Row) -> tuple[str, str, str, int]:
    return row.source, row.device, row.model, row.devices


def _cauchy(z: Array, scale: float = 2.0) -> Array:
    """Residuals whose squares are Cauchy's loss of ``z``: as they are below ``scale``, then log."""
    found: Array = np.sign(z) * scale * np.sqrt(np.log1p((z / scale) ** 2))
    return found


def left_out(task: Task, rows: Sequence[Row], by: str = "device") -> Held:
    """Errors of coefficients fitted without a row's device (or model)."""
    found: Held = []
    for name in sorted({getattr(row, by) for row in rows}):
        record = fit(task, [row for row in rows if getattr(row, by) != name])
        held = [row for row in rows if getattr(row, by) == name]
        found += [(row, log(row.seconds / task.predict(row, record))) for row in held]
    return found


def _setting(row: Row) -> Setting:
    return "field" if row.source == "localmaxxing" else "bench"


def spread(found: Held) -> Table:
    """Half-widths of 80 % intervals from held-out errors, by setting and group of devices.

    A device counts by the root of its rows, and a group is shrunk to all rows of its setting as if
    those were some devices more.
    """
    sound = [(row, error) for row, error in found if not row.suspect]
    count = Counter((_setting(row), row.device) for row, _ in sound)
    groups: dict[str, Held] = defaultdict(list)
    for row, error in sound:
        experts = " experts" if row.load.expert_weights else ""
        groups[f"{_setting(row)}/{row.chip.group}{experts}"].append((row, error))
        groups[f"{_setting(row)}/other"].append((row, error))

    def width(rows: Held) -> float:
        weights = [count[_setting(row), row.device] ** -0.5 for row, _ in rows]
        return _quantile([abs(error) for _, error in rows], weights, LEVEL)

    table = {}
    for key, rows in groups.items():
        common = width(groups[f"{key.partition('/')[0]}/other"])
        devices = len({row.device for row, _ in rows})
        shrunk = devices * log(width(rows)) + SHRUNK_BY * log(common)
        table[key] = exp(shrunk / (devices + SHRUNK_BY))
    return table


def _quantile(values: Sequence[float], weights: Sequence[float], level: float) -> float:
    """The weighted quantile."""
    order = np.argsort(values)
    ranked, weight = np.array(values)[order], np.array(weights)[order]
    position = (np.cumsum(weight) - weight / 2) / weight.sum()
    return float(np.interp(level, position, ranked))


def coverage(found: Held) -> dict[str, tuple[int, float]]:
    """Share of rows within the interval that the other devices' errors give, by source."""
    inside: dict[str, list[bool]] = defaultdict(list)
    for device in {row.device for row, _ in found}:
        table = spread([(row, error) for row, error in found if row.device != device])
        for row, error in found:
            if row.device == device and not row.suspect:
                group, experts = row.chip.group, bool(row.load.expert_weights)
                width = half_width(table, group, experts=experts, setting=_setting(row))
                inside[row.source].append(abs(error) <= width)
    return {source: (len(hits), float(np.mean(hits))) for source, hits in inside.items()}


def report(found: Held) -> str:
    """Errors of speeds by source, dense and with experts, with and without faulty rows."""
    groups: dict[str, list[float]] = defaultdict(list)
    for row, error in found:
        kind = "experts" if row.load.expert_weights else "dense"
        # Predicted over measured speed is measured over predicted time.
        off = exp(error) - 1
        groups[f"{row.source} {kind}{' faulty' if row.suspect else ''}"].append(off)
        if row.source == "XiongjieDai":
            groups["XiongjieDai with faulty rows"].append(off)
    return "\n".join(
        f"  {name:34} n={len(v):4}  mean {100 * np.mean(np.abs(v)):6.1f} %  "
        f"median {100 * np.median(np.abs(v)):6.1f} %  bias {100 * np.median(v):+6.1f} %"
        for name, v in sorted(groups.items())
    )


def toml(name: str, record: Any, widths: Table) -> list[str]:  # noqa: ANN401 -- either record
    """The coefficients as TOML, four significant digits."""
    scalars, tables = [f"[{name}]"], []
    for key, value in (asdict(record) | {"spread": widths}).items():
        if isinstance(value, dict):
            tables += ["", f"[{name}.{key}]"]
            tables += [f'"{entry}" = {number:.4g}' for entry, number in value.items()]
        else:
            scalars.append(f"{key} = {value:.4g}")
    return ["", *scalars, *tables]


def main() -> None:
    """Fit, report, and with --write ship."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=PERF)
    parser.add_argument("--write", action="store_true", help="write the package's file")
    asked = parser.parse_args()
    text, counts = [], []
    for task in TASKS:
        rows = all_rows(task.metric, asked.folder)
        held, record = left_out(task, rows), fit(task, rows)
        print(task.metric, "one device left out\n" + report(held))
        own = [(row, log(row.seconds / task.predict(row, record))) for row in rows]
        print("in sample\n" + report(own))
        print("coverage of 80 % intervals", coverage(held))
        text += toml(task.metric.removesuffix("_tps"), record, spread(held))
        counts.append(f"{len(rows)} speeds of {task.metric.removesuffix('_tps')}")
    head = [
        "# Written by tools/fit_single_stream.py; fields: single_stream_coefficients.py.",
        f'source = "{" and ".join(counts)}, llama.cpp 2024 to 2026, one request at a time"',
        f"date = {dt.datetime.now(tz=dt.UTC).date().isoformat()}",
    ]
    if asked.write:
        OUT.write_text("\n".join([*head, *text]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
