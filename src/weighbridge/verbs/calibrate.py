"""``weigh calibrate``: the user's own load runs correct predictions for their machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from weighbridge.core.calibration import MeasuredPoint
from weighbridge.core.effects import Clock, Store
from weighbridge.core.errors import InputError, WeighbridgeError
from weighbridge.core.load import LoadLevel, LoadRun
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.predict.calibration import Calibration, Point, learn
from weighbridge.predict.slowdown import FACTORS
from weighbridge.predict.table import Scenario, engine_name
from weighbridge.verbs.scenario_jobs import Jobs
from weighbridge.workspace.calibration import read_points, write_points

# A synthetic prompt of `weigh bench` is one sentence; templates add about as much.
SYNTHETIC_TOKENS: Final = 32
# Prompts of which reading is most of the time to a first token, on any device.
LONG_TOKENS: Final = 1024


@dataclass(frozen=True, slots=True)
class Setup:
    """What a load run does not record.

    Attributes:
        system: name of the device.
        engine: which engine served.
        model: catalogue name or path; "" for what the endpoint calls it.
        precision: of the weights, or "" for as published.
        engine_version: or "".
        tensor: devices that share each layer.
        expert: groups that experts are spread over.
        attention_data: copies of attention.
        prompt_tokens: of a typical request, or None where the server counted them.
    """

    system: str
    engine: str
    model: str = ""
    precision: str = ""
    engine_version: str = ""
    tensor: int = 1
    expert: int = 1
    attention_data: int = 1
    prompt_tokens: float | None = None


def add(
    store: Store,
    root: Path,
    runs: Sequence[str],
    setup: Setup,
    *,
    catalogue: Catalogue,
    clock: Clock,
) -> tuple[MeasuredPoint, ...]:
    """Keep the levels of some load runs as points; those of a run known already are replaced.

    Raises:
        UnknownRunError: there is no such load run.
        InputError: the model, device or engine is not known, or nothing was measured.
    """
    new: list[MeasuredPoint] = []
    for name in runs:
        run = store.load(store.find(name, "load").id, LoadRun)
        new += points_of(run, setup)
    learnt(new, catalogue, clock)
    replaced = {point.run for point in new}
    kept = [point for point in read_points(root) if point.run not in replaced]
    points = (*kept, *new)
    write_points(root, points)
    return points


def points_of(run: LoadRun, setup: Setup) -> list[MeasuredPoint]:
    """A point for each level of a run whose requests succeeded.

    Raises:
        InputError: none did, or how long prompts were is not known.
    """
    found = [_point(run, level, setup) for level in run.levels]
    points = [point for point in found if point is not None]
    if not points:
        raise InputError(
            f"No level of {run.info.id} has both answers and times.",
            fix="Measure again with `weigh bench`; its errors say what went wrong.",
        )
    return points


def _prompt_tokens(run: LoadRun, level: LoadLevel, setup: Setup) -> float:
    """Of a typical request: as said, as the server counted, or as usual."""
    if setup.prompt_tokens is not None:
        return setup.prompt_tokens
    if level.prompt_tokens is not None:
        return max(1.0, level.prompt_tokens / (level.requests - level.errors))
    if run.info.subject == "synthetic":
        return SYNTHETIC_TOKENS
    raise InputError(
        f"The server of {run.info.id} did not say how long its prompts were.",
        fix="Say how many tokens a typical one has, with --prompt-tokens.",
    )


def _point(run: LoadRun, level: LoadLevel, setup: Setup) -> MeasuredPoint | None:
    answered = level.requests - level.errors
    if answered <= 0 or (level.ttft_ms is None and level.tpot_ms is None):
        return None
    return MeasuredPoint(
        run=run.info.id,
        created=run.info.created,
        model=setup.model or run.info.model,
        precision=setup.precision,
        system=setup.system,
        engine=engine_name(setup.engine),
        engine_version=setup.engine_version,
        tensor=setup.tensor,
        expert=setup.expert,
        attention_data=setup.attention_data,
        concurrency=max(1, round(level.users)),
        prompt_tokens=_prompt_tokens(run, level, setup),
        output_tokens=max(1.0, level.output_tokens / answered),
        ttft_ms=level.ttft_ms.p50 if level.ttft_ms else None,
        tpot_ms=level.tpot_ms.p50 if level.tpot_ms else None,
    )


def load(root: Path, catalogue: Catalogue, clock: Clock) -> tuple[Calibration, ...]:
    """What the workspace's points say of machines; nothing where there are none.

    Points of models or devices that are known no longer are passed over.

    Raises:
        WorkspaceError: the workspace's file is damaged.
    """
    jobs, usable = Jobs(catalogue, clock), []
    for point in read_points(root):
        try:
            usable.append(_resolved(jobs, point))
        except InputError:
            continue
    return learn(usable)


def learnt(
    points: Sequence[MeasuredPoint], catalogue: Catalogue, clock: Clock
) -> tuple[Calibration, ...]:
    """What points say of machines.

    Raises:
        InputError: one of them cannot be predicted; says how to name what it is of.
    """
    jobs = Jobs(catalogue, clock)
    resolved = []
    for point in points:
        try:
            resolved.append(_resolved(jobs, point))
        except WeighbridgeError as error:
            raise InputError(
                f"{point.run} cannot be predicted: {error.message}",
                fix=f"{error.fix} Name what ran with --model, --device and --precision.",
            ) from error
    return learn(resolved)


def notes(known: Sequence[Calibration]) -> tuple[str, ...]:
    """What is to be known of calibrations: what their points do not say, or say against each other.

    One sentence or two for each.
    """
    return tuple(sentence for one in known for sentence in _notes(one))


def _notes(one: Calibration) -> Iterator[str]:
    where = f"{one.device} under {one.engine}"
    if not one.tells_of_prompts:
        yield (
            f"{where}: prompts were short, so reading them was next to nothing of what was "
            "measured, and how fast long ones are read stays as predicted. Measure with prompts of "
            f"{LONG_TOKENS} tokens or more, and say so with --prompt-tokens {LONG_TOKENS}."
        )
    for metric, times in one.far_off:
        yield (
            f"{where}: {metric.upper()} was measured at ×{times:.2g} of the prediction, outside "
            "its 80 % interval. Check that --model, --precision, --tp and --prompt-tokens are "
            "what was measured."
        )
    for metric in one.contradictory:
        yield (
            f"{where}: points of {metric.upper()} contradict each other by more than predictions "
            "err; intervals stay wide or widen. Measure again while nothing else runs, or drop a "
            "run with --forget."
        )


def forget(root: Path, runs: Sequence[str]) -> int:
    """Drop the points of some runs, of all if none is named; how many there were.

    Raises:
        InputError: a run has no points.
    """
    points = read_points(root)
    have = sorted({point.run for point in points})
    for run in runs:
        if run not in have:
            listed = f"There are points of {', '.join(have)}." if have else "There are no points."
            raise InputError(f"There is no point of {run!r}.", fix=listed)
    kept = [point for point in points if runs and point.run not in runs]
    write_points(root, kept)
    return len(points) - len(kept)


def to_json(points: Sequence[MeasuredPoint], calibrations: Sequence[Calibration]) -> dict[str, Any]:
    """The document of ``weigh calibrate --json``; keys are documented in docs/json.md."""
    return {
        "points": [asdict(point) for point in points],
        "machines": [
            {
                "device": one.device,
                "engine": one.engine,
                "points": one.points,
                "models": list(one.models),
                "runs": list(one.runs),
                "slower": {
                    factor: {"value": part.value, "low": part.low, "high": part.high}
                    for factor, part in zip(FACTORS, one.slower, strict=True)
                },
                "notes": list(_notes(one)),
                "provenance": {
                    "kind": "measured",
                    "source": ", ".join(one.runs),
                    "date": one.date,
                },
            }
            for one in calibrations
        ],
    }


def _resolved(jobs: Jobs, point: MeasuredPoint) -> Point:
    job, _ = jobs.job(
        Scenario(
            model=point.model,
            system=point.system,
            backend=point.engine,
            backend_version=point.engine_version,
            precision=point.precision,
            isl=point.prompt_tokens,
            osl=point.output_tokens,
            tp_size=point.tensor,
            moe_ep_size=point.expert,
            attention_dp_size=point.attention_data,
            concurrency=point.concurrency,
        )
    )
    return Point(job, _seconds(point.ttft_ms), _seconds(point.tpot_ms), point.run, point.created)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3
