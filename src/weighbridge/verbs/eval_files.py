"""``weigh eval import`` and ``export``: other tools' results as runs, and runs as theirs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.runs import EvalRun, content_hash
from weighbridge.measure.evals.foreign.imported import Imported
from weighbridge.measure.evals.foreign.inspect_log import as_log, read_log
from weighbridge.measure.evals.foreign.lm_eval import is_samples, read_samples
from weighbridge.verbs.effects import writing


def read_foreign(path: Path, metric: str | None, filter_name: str | None) -> Imported:
    """The results in a file of lm-eval or Inspect.

    Raises:
        InputError: it is neither, or cannot be read without a choice.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}.", fix="Check the path.")
    if is_samples(path) or path.name.endswith((".jsonl", ".jsonl.gz")):
        return read_samples(path, metric, filter_name)
    return read_log(path, metric)


def import_run(
    store: Store,
    path: Path,
    *,
    model: str | None = None,
    suite: str | None = None,
    metric: str | None = None,
    filter_name: str | None = None,
) -> EvalRun:
    """Keep another tool's evaluation as a run, for comparisons and gates.

    Raises:
        InputError: the file cannot be read, or does not say which model it is of.
    """
    found = read_foreign(path, metric, filter_name)
    name = model or found.model
    if not name:
        raise InputError(
            f"{path} does not say which model answered.", fix="Say it with --model NAME."
        )
    subject = suite or found.suite
    key = content_hash("import", name, subject, found.suite_hash, found.origin)
    info = store.new_info("eval", model=name, subject=subject, key=key)
    run = EvalRun(
        info=info,
        url="",
        suite=subject,
        suite_hash=found.suite_hash,
        items=found.items,
        repeats=found.repeats,
        wall_s=found.wall_s,
        origin=found.origin,
    )
    store.save(info, run)
    return run


def export_inspect(store: Store, name: str, path: Path, *, force: bool = False) -> EvalRun:
    """Write a run as a log of Inspect; over a file that is there only by ``force``.

    Raises:
        UnknownRunError: there is none.
        InputError: the file is there.
        WorkspaceError: the file cannot be written.
    """
    run = store.load(store.find(name, "eval").id, EvalRun)
    if path.exists() and not force:
        raise InputError(f"{path} is there.", fix="Choose another name, or replace it by --force.")
    with writing(path) as draft:
        draft.write_bytes(msgspec.json.encode(as_log(run)))
    return run
