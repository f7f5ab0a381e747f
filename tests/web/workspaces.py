"""Workspaces with the sample study inside."""

from __future__ import annotations

from pathlib import Path

from weighbridge.core.study import Study
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.runs import Record


def fill(root: Path, study: Study) -> None:
    """Save every run of the study, in the order of its steps."""
    store = open_workspace(root)
    records: tuple[Record | None, ...]
    records = (*study.sheets, *study.loads, *study.evals, study.verdict, study.route, study.run)
    for record in records:
        if record is not None:
            store.save(record.info, record)
