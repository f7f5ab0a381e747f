"""``weigh predict``: a table of scenarios with what is expected of each."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from weighbridge.core.effects import Clock
from weighbridge.core.errors import InputError, WeighbridgeError
from weighbridge.core.provenance import Interval
from weighbridge.core.sheet_cells import guarded, guarded_row
from weighbridge.core.units import GIB
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.predict.calibration import Calibration, calibrate
from weighbridge.predict.rows import Job, Prediction, predict
from weighbridge.predict.table import parallelism
from weighbridge.verbs.scenario_jobs import Jobs
from weighbridge.verbs.scenario_table import Cells, Table, read_table, scenario

COLUMNS: Final = (
    "ttft_ms", "ttft_ms_low", "ttft_ms_high", "tpot_ms", "tpot_ms_low", "tpot_ms_high", "kv_gib",
    "kv_tokens", "fits", "error", "notes",
)  # fmt: skip
_NO_FIT: Final = "times are as if it fitted"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the answer.

    Attributes:
        cells: as given.
        prediction: what is expected, or None.
        error: why nothing is, or "".
    """

    cells: Cells
    prediction: Prediction | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Predicted:
    """A table with predictions.

    Attributes:
        columns: of the table as given.
        rows: in its order.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def failed(self) -> tuple[Row, ...]:
        """Rows that could not be predicted."""
        return tuple(row for row in self.rows if row.prediction is None)


def predict_file(
    path: Path, catalogue: Catalogue, clock: Clock, known: Sequence[Calibration] = ()
) -> Predicted:
    """Predict every row of a file; a bad row has its error and disturbs no other.

    Args:
        path: of a CSV file, ``-`` for standard input.
        catalogue: models by name.
        clock: for models that are read from files.
        known: what the user's own measurements say of machines.

    Raises:
        InputError: the file is no table of scenarios.
    """
    return predict_table(read_table(path), catalogue, clock, known)


def predict_table(
    table: Table, catalogue: Catalogue, clock: Clock, known: Sequence[Calibration] = ()
) -> Predicted:
    """The same for a table that was read already."""
    resolve = Jobs(catalogue, clock)
    ready: list[tuple[int, Job, tuple[str, ...]]] = []
    rows: list[Row] = []
    for place, cells in enumerate(table.rows):
        try:
            asked, assumed = scenario(cells)
            job, notes = resolve.job(asked)
            ready.append((place, job, (*assumed, *notes)))
            rows.append(Row(cells, None))
        except WeighbridgeError as error:
            rows.append(Row(cells, None, str(error)))
    jobs = [job for _, job, _ in ready]
    predictions = calibrate(jobs, predict(jobs), known) if jobs else []
    for (place, job, notes), prediction in zip(ready, predictions, strict=True):
        one = replace(prediction, notes=(*notes, *prediction.notes, *_unfit(job, prediction)))
        rows[place] = Row(rows[place].cells, one)
    return Predicted(table.columns, tuple(rows))


def figures(row: Row) -> dict[str, Any]:
    """What is added to a row."""
    one = row.prediction
    if one is None:
        return dict.fromkeys(COLUMNS) | {"error": row.error, "notes": ""}
    memory = one.memory
    return {
        **_ends("ttft_ms", one.ttft_ms),
        **_ends("tpot_ms", one.tpot_ms),
        "kv_gib": round(memory.cache.value / GIB, 3),
        "kv_tokens": None if memory.tokens is None else round(memory.tokens.value),
        "fits": memory.fits,
        "error": "",
        "notes": " ".join(map(_sentence, one.notes)),
    }


def to_json(predicted: Predicted) -> dict[str, Any]:
    """The document of ``weigh predict --json``; keys are documented in docs/json.md."""
    rows = []
    for row in predicted.rows:
        document: dict[str, Any] = _given(predicted, row) | figures(row)
        if row.prediction is not None:
            source = row.prediction.provenance
            document["provenance"] = {
                "kind": source.kind,
                "source": source.source,
                "date": source.date,
            }
        rows.append(document)
    return {"level": 0.8, "rows": rows}


def to_csv(predicted: Predicted) -> str:
    """The table as given, with the columns of the prediction after its own."""
    text = io.StringIO()
    given = [name for name in predicted.columns if name not in COLUMNS]
    writer = csv.DictWriter(text, [*given, *COLUMNS], lineterminator="\n")
    writer.writerow({name: guarded(name) for name in writer.fieldnames})
    for row in predicted.rows:
        added = figures(row)
        added["fits"] = {True: "true", False: "false", None: ""}[added["fits"]]
        writer.writerow(guarded_row(_given(predicted, row) | added))
    return text.getvalue()


def corrected(predicted: Predicted, known: Sequence[Calibration]) -> int:
    """How many rows the user's own measurements have corrected."""
    runs = {run for one in known for run in one.runs}
    sources = [row.prediction.provenance.source for row in predicted.rows if row.prediction]
    return sum(any(run in source for run in runs) for source in sources)


def require_some(predicted: Predicted) -> None:
    """Refuse a table of which no row could be predicted.

    Raises:
        InputError: says why the first could not.
    """
    if len(predicted.failed) == len(predicted.rows):
        raise InputError(
            f"None of the {len(predicted.rows)} rows can be predicted.",
            fix=f"The first: {predicted.rows[0].error}",
        )


def _given(predicted: Predicted, row: Row) -> dict[str, str]:
    return {name: row.cells.get(name, "") for name in predicted.columns if name not in COLUMNS}


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    keys = (name, f"{name}_low", f"{name}_high")
    if interval is None:
        return dict.fromkeys(keys)
    ends = (interval.value, interval.low, interval.high)
    return {key: float(f"{end:.5g}") for key, end in zip(keys, ends, strict=True)}


def _unfit(job: Job, prediction: Prediction) -> tuple[str, ...]:
    memory = prediction.memory
    if memory.shortage is None:
        return ()
    if not memory.shortage.starts or memory.concurrency is None:
        return (f"does not fit: {memory.shortage}; {_NO_FIT}",)
    copies = parallelism(job.scenario, job.device)[0].attention_data
    at_once = max(1, math.floor(memory.concurrency.value)) * copies
    asked = f"{job.scenario.concurrency:g}"
    waiting = f"starts; about {at_once} of {asked} requests run at once, the others wait"
    return (f"{waiting} ({memory.shortage})",)


def _sentence(note: str) -> str:
    first = note if note.startswith("llama.cpp") else f"{note[:1].upper()}{note[1:]}"
    return first if first.endswith(".") else f"{first}."
