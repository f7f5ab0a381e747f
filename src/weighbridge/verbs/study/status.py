"""``weigh study status``: a study's file against what the workspace holds of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from weighbridge.core.effects import Store
from weighbridge.core.study import RESTS, StageState, StudyStatus, Unit
from weighbridge.core.units import plural
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.jobs import Effects
from weighbridge.verbs.study.running import Options, stages_now
from weighbridge.workspace.studies import Studies

# Of the units that stop for one reason, so many are named.
_NAMED: Final = 3


def status(asked: Asked, effects: Effects, how: Options | None = None) -> StudyStatus:
    """How every stage of a study stands, and what to do next."""
    stages = stages_now(asked, effects, how)
    is_running = Studies(effects.root).is_running(asked.name)
    run = newest(asked.name, effects.store)
    action, command = next_action(asked, stages, is_running=is_running, has_run=run is not None)
    return StudyStatus(asked.name, str(asked.path), stages, action, command, run, is_running)


def newest(name: str, store: Store) -> str | None:
    """Id of the newest run of a study; None where it was never run to its end."""
    return next((info.id for info in store.runs("study") if info.subject == name), None)


def next_action(
    asked: Asked, stages: Sequence[StageState], *, is_running: bool, has_run: bool
) -> tuple[str, str]:
    """What to do next, in a sentence, and the command that does it."""
    run = f"weigh study run {asked.path}"
    units = [unit for stage in stages for unit in stage.units]
    if is_running:
        return "It is being run by another process at this moment; wait for it.", ""
    failed = [unit for unit in units if unit.state == "failed"]
    open_ = [unit for unit in units if unit.state in ("to do", "stale")]
    waiting = [unit for unit in units if unit.state == "waiting"]
    if failed and all(unit.is_no or unit.why == RESTS for unit in failed):
        why = next(unit.why for unit in failed if unit.is_no).partition("\n")[0]
        said = (
            f"The answer is no. {why} Change `constraints` in {asked.path.name}, or add "
            "candidates; the report has the reason of each."
        )
        return said, f"weigh study report {asked.path}"
    if failed:
        said = f"{plural(len(failed), 'unit')} failed. {_reasons(failed)} Then run it again."
    elif open_ and not any(unit.state == "done" for unit in units):
        said = "Nothing is done yet: run it."
    elif open_:
        said = f"{plural(len(open_), 'unit')} to do, beginning with {_named(open_[0])}."
    elif waiting and has_run:
        return f"{_waits(waiting)} The report shows the rest.", f"weigh study report {asked.path}"
    elif not has_run:
        said = "All units are done: sum them up."
    else:
        return "Everything is done: read the report.", f"weigh study report {asked.path}"
    return said, run


def _reasons(failed: Sequence[Unit]) -> str:
    """Every reason once, after the units that it stopped; what merely follows is left out."""
    own = [unit for unit in failed if unit.why != RESTS] or list(failed)
    stopped: dict[str, list[str]] = {}
    for unit in own:
        stopped.setdefault(unit.why, []).append(_named(unit))
    return " ".join(f"{_listed(names)}: {why}" for why, names in stopped.items())


def _waits(waiting: Sequence[Unit]) -> str:
    """What everything that waits waits for, each once."""
    return " ".join(dict.fromkeys(unit.why for unit in waiting))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {plural(more, 'more unit')}" if more > 0 else "")


def to_json(found: StudyStatus) -> dict[str, Any]:
    """The figures of ``weigh study status --json``; keys are documented in docs/json.md."""
    return {
        "study": found.name,
        "file": found.path,
        "running": found.is_running,
        "run": found.run,
        "next": found.next_action,
        "command": found.command,
        "stages": [stage_to_json(stage) for stage in found.stages],
    }


def stage_to_json(stage: StageState) -> dict[str, Any]:
    """A stage and its units."""
    return {
        "stage": stage.name,
        "state": stage.state,
        "done": stage.done,
        "why": stage.why,
        "seconds": stage.seconds,
        "units": [_unit(unit) for unit in stage.units],
    }


def _unit(unit: Unit) -> dict[str, Any]:
    return {
        "unit": unit.name,
        "state": unit.state,
        "runs": list(unit.runs),
        "why": unit.why,
        "seconds": unit.seconds,
        "created": unit.created,
        "machine": unit.machine,
    }


def _named(unit: Unit) -> str:
    return unit.stage if unit.name == unit.stage else f"{unit.stage} of {unit.name}"
