"""Intervals of a training step's memory from published runs: predict/coefficients/tuning.toml.

    .venv/bin/python tools/fit_tuning.py

Needs ../shared/data/finetune_vram.csv. Also tries to fit what counting may get wrong, each model
from the others' rows, and says whether that would be better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tuning_rows import Row, elsewhere, read_rows, scored
from weighbridge.predict.tuning.coefficients import COUNTED, Coefficients
from weighbridge.predict.tuning.memory import tuning_memory

_OUT = Path(__file__).parents[1] / "src/weighbridge/predict/coefficients/tuning.toml"
_FITTED = ("chunked_logit_bytes", "full_logit_bytes", "kept")
# How far coefficients are expected from what counting gives, as a share; and a row's own error.
_PRIOR_SD, _ROW_SD = 0.2, 0.05


def fit(rows: Sequence[Row]) -> Coefficients:
    """The coefficients that explain these rows, drawn to what counting gives."""
    from scipy.optimize import least_squares  # noqa: PLC0415 -- slow to import

    def misses(factors: Sequence[float]) -> list[float]:
        found = _scaled(factors)
        apart = [(factor - 1) / _PRIOR_SD for factor in factors]
        return [error(row, found) / _ROW_SD for row in rows] + apart

    done = least_squares(misses, [1.0] * len(_FITTED), loss="soft_l1", bounds=(0.3, 3.0))
    return _scaled([round(float(factor), 3) for factor in done.x])


def _scaled(factors: Sequence[float]) -> Coefficients:
    changed = {
        name: getattr(COUNTED, name) * float(factor)
        for name, factor in zip(_FITTED, factors, strict=True)
    }
    return replace(COUNTED, **changed)


def error(row: Row, known: Coefficients) -> float:
    """Logarithm of what is predicted over what was measured."""
    if row.shape is None or row.run is None or row.bytes is None:
        raise ValueError(row.label)
    return math.log(tuning_memory(row.shape, row.run, known).active.value / row.bytes)


def held_out(rows: Sequence[Row]) -> list[tuple[Row, Coefficients]]:
    """Each row with coefficients from the rows of all other models."""
    fits = {
        model: fit([row for row in rows if row.model != model]) for model in {r.model for r in rows}
    }
    return [(row, fits[row.model]) for row in rows]


def quantile(values: Sequence[float], share: float) -> float:
    """Of a few values, by linear interpolation."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def intervals(ours: Sequence[Row], others: Sequence[Row]) -> tuple[float, tuple[float, float]]:
    """Half the interval of the active memory, and the ends of what is held over it."""
    off = [error(row, COUNTED) for row in ours]
    spread = quantile([abs(math.exp(each) - 1) for each in off], 0.8)
    over = [-each for each in off] + [-error(row, COUNTED) for row in others]
    low, high = (math.exp(quantile(over, share)) for share in (0.1, 0.9))
    return spread, (min(low, 1.0), max(high, 1.0))


def mean_error(pairs: Sequence[tuple[Row, Coefficients]]) -> float:
    """Mean absolute relative error."""
    return sum(abs(math.exp(error(row, known)) - 1) for row, known in pairs) / len(pairs)


def main() -> None:
    """Compare fitting with counting on unseen models, and write the intervals."""
    rows = read_rows()
    ours, others = scored(rows), elsewhere(rows)
    counted = mean_error([(row, COUNTED) for row in ours])
    fitted = mean_error(held_out(ours))
    spread, reserve = intervals(ours, others)
    lines = [
        "# Written by tools/fit_tuning.py; do not edit.",
        "# Intervals only: the counts are not fitted, because fitting three of them was no better.",
        f"# Mean error on {len(ours)} rows: counted {100 * counted:.1f} %,",
        f"# fitted to the rows of all other models {100 * fitted:.1f} %.",
        f"spread = {spread:.3f}",
        f"reserve = [{', '.join(f'{share:.3f}' for share in reserve)}]",
        f'source = "{len(ours)} published runs of torchtune and {len(others)} of axolotl"',
        'date = "2026-07-24"',
    ]
    _OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
