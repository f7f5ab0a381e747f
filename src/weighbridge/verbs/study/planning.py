"""The stage that predicts: which candidates fit the machine, how fast, for how many users."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from weighbridge.core.errors import InputError
from weighbridge.core.machine import Machine
from weighbridge.core.plan import Requirements
from weighbridge.core.runs import content_hash
from weighbridge.core.study_file import HERE, MachinePart
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.identity import configuration_of, identity_of
from weighbridge.verbs.study.jobs import Job, Left, Means
from weighbridge.verbs.study.lengths import said_lengths, suite_lengths, typical_lengths
from weighbridge.verbs.study.measuring import inspectable

_UNIT = "machine"


def plan_unasked(asked: Asked) -> str:
    """Why nothing is planned, as a sentence; empty where something is."""
    if not said_lengths(asked) and asked.file.workload.traffic is None and not asked.tasks:
        return (
            "`workload` does not say `prompt_tokens` and `output_tokens`, so nothing was planned."
        )
    if not plannable(asked):
        return "No candidate has a configuration to plan with: each is but an address."
    return ""


def plannable(asked: Asked) -> dict[str, str]:
    """Candidates whose configuration can be read, and where."""
    found = {name: inspectable(asked, name) for name in asked.contenders}
    return {name: where for name, where in found.items() if where is not None}


def _described(asked: Asked) -> list[str]:
    """Where configurations lie that tell more of candidates than their addresses do."""
    entries = asked.file.candidates
    return [where for name, where in plannable(asked).items() if entries[name].inspect is not None]


def plan_jobs(asked: Asked, root: Path, machine: str) -> Iterator[Job]:
    """One plan of all candidates that can be planned."""
    part, load = asked.file.machine, asked.file.workload
    on = machine if part == HERE else ""
    lengths = typical_lengths(asked, root)
    if lengths is None and load.traffic is None:
        lengths = suite_lengths(asked)
    what = [
        [(name, identity_of(asked.entries[name])) for name in plannable(asked)],
        [configuration_of(where) for where in _described(asked)],
        part, lengths, load.levels, load.rate, str(asked.slo),
        asked.file.constraints.intents,
    ]  # fmt: skip

    async def do(means: Means) -> Left:
        return _planned(asked, means, lengths)

    yield Job("plan", _UNIT, content_hash(on, content_hash("plan", what)), do)


def machine_of(asked: Asked) -> Machine:
    """The machine that the study is for.

    Raises:
        InputError: this one is not known well enough to plan with.
    """
    part = asked.file.machine
    if isinstance(part, MachinePart):
        from weighbridge.facts.devices.described import (  # noqa: PLC0415
            MachineBlock,
            from_block,
        )

        return from_block(MachineBlock(device=part.device, count=part.count, memory=part.memory))
    if part != HERE:
        from weighbridge.facts.devices import read_machine  # noqa: PLC0415

        return read_machine(part)
    from weighbridge.facts.devices.detect import detect  # noqa: PLC0415 -- asks drivers

    found = detect().machine
    if found is None:
        raise InputError(
            "This machine is not known well enough to plan with.",
            fix="Say `machine:` in the study, such as 1x L40S; `weigh doctor` says what is known.",
        )
    return found


def _planned(asked: Asked, means: Means, lengths: tuple[int, int] | None) -> Left:
    from weighbridge.facts.catalog import load as load_catalogue  # noqa: PLC0415 -- heavy
    from weighbridge.facts.catalog.lines import own_path  # noqa: PLC0415
    from weighbridge.facts.licenses.intents import parse_intents  # noqa: PLC0415
    from weighbridge.verbs import plan as plan_verb  # noqa: PLC0415

    effects, load = means.effects, asked.file.workload
    effects.progress.stage("plan", 1)
    if lengths is None:
        return Left((), "Nothing was planned: the captured traffic has no counts of tokens.")
    try:
        machine = machine_of(asked)
    except InputError as error:
        if asked.file.machine != HERE:
            raise
        return Left((), f"Nothing was planned. {error}")  # nobody asked for this very machine
    workload = plan_verb.workload(
        context=sum(lengths),
        prompt=lengths[0],
        output=lengths[1],
        users=max(load.levels, default=None),
        rate=load.rate,
    )
    intents = asked.file.constraints.intents
    catalogue = load_catalogue(own_path(os.environ))
    found = plan_verb.plan(
        machine,
        Requirements(workload, asked.slo),
        catalogue,
        effects.clock,
        names=tuple(dict.fromkeys(plannable(asked).values())),
        intents=parse_intents(",".join(intents)) if intents else None,
        per_model=1,
        calibrations=plan_verb.calibrations(effects.root, catalogue, effects.clock),
    )
    run = plan_verb.keep(effects.store, found)
    effects.progress.advance()
    return Left((run.info.id,))
