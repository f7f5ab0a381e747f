"""What was measured on the tasks and under load, as tables of the first page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from weighbridge.core.cost import CostedOption
from weighbridge.core.load import LoadLevel, LoadRun
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import EvalRun
from weighbridge.core.study import Study
from weighbridge.core.tradeoffs import Bounded, Served, load_words
from weighbridge.core.verdict import ONE_REPLICA, ModelEvidence, TaskVerdict, Verdict
from weighbridge.decide.statistics import wilson
from weighbridge.predict.cost.labels import money
from weighbridge.report.numbers import bounds, number, percent
from weighbridge.report.study_asked import entry_of
from weighbridge.report.study_blocks import Block, Cell, Grid, words
from weighbridge.report.study_money import chance, ends
from weighbridge.report.words import listed

_DASH: Final = "\N{EN DASH}"
_UNKNOWN: Final = Cell("unknown")
MOST_MODELS: Final = 4


def evaluation_block(study: Study, most: int | None = MOST_MODELS) -> Block:
    """Every task with its models, best first; ``most`` of them per task."""
    if study.verdict is None:
        return _without_verdict(study)
    verdict = study.verdict.verdict
    rows = tuple(
        _evidence_row(study, verdict, task, one)
        for task in verdict.tasks
        for one in task.standings[:most]
    )
    heads = ("Task", "Model", "n", "Accuracy", "At the load", "USD per 1,000 accepted",
             "P(best)", "On the front")  # fmt: skip
    note = "95 % intervals of accuracy; P(best) by bootstrap over items. "
    note += _front_words(verdict)
    if most is not None and any(len(task.standings) > most for task in verdict.tasks):
        note += f" The best {most} of each task; all in the appendix."
    note += _why_unknown(study, verdict)
    grid = Grid("Accuracy, latency, cost", heads, rows, frozenset({2, 3, 4, 5, 6}), note)
    return Block("evaluation", "On your tasks", grid)


def capacity_block(study: Study, most: int | None = MOST_MODELS) -> Block:
    """What one replica serves, on what, and how many are needed."""
    chosen = () if study.verdict is None else study.verdict.verdict.chosen.models
    loads = sorted(study.loads, key=lambda load: load.info.model not in chosen)
    rows = tuple(_capacity_row(study, load, load.info.model in chosen) for load in loads)
    rows = (*rows, *_predicted_rows(study))[:most]
    if not rows:
        return Block("capacity", "Capacity", absent=_why(study, "bench", "Nothing was loaded."))
    slo = study.run.slo
    what = f"goodput at {slo}" if slo else "no SLO was asked for, so the most that was measured"
    heads = ["Model", "A replica serves", "p95 there", "Engine", "Machine", "Replicas, spares",
             "Use, peak"]  # fmt: skip
    note = f"Capacity: {what}. Versions of engines were not recorded.{_client_words(study)}"
    for column, said in ((4, "On"), (3, "Served by")):
        same = {row[column].text for row in rows}
        if len(same) == 1:  # said once, it leaves room for the rest
            note += f" {said} {same.pop()}."
            heads.pop(column)
            rows = tuple((*row[:column], *row[column + 1 :]) for row in rows)
    numeric = frozenset({1, 2, len(heads) - 2, len(heads) - 1})
    grid = Grid("Capacity of a replica", tuple(heads), rows, numeric, note)
    return Block("capacity", "Capacity", grid)


def _client_words(study: Study) -> str:
    """Whose load was limited by the client, and of whom nobody knows what they serve, if any."""
    limited = [*dict.fromkeys(load.info.model for load in study.loads if load.is_client_limited)]
    taken = () if study.verdict is None else study.verdict.verdict.unsized
    said = ""
    if limited:
        said += f" The client was the limit for {listed(limited)}: these are lower bounds."
    if taken:
        said += f" Of {listed(taken)} {ONE_REPLICA}."
    return said


def _front_words(verdict: Verdict) -> str:
    """In what the options of each task were compared for the front."""
    tasks: dict[tuple[str, ...], list[str]] = {}
    for task in verdict.tasks:
        front = task.front or ("accuracy and all that is known of every option",)
        tasks.setdefault(front, []).append(task.task)
    sides = [
        listed(front) + (f" (on {listed(names)})" if len(tasks) > 1 else "")
        for front, names in tasks.items()
    ]
    return (
        f"On the front: nothing else is at least as good in {', or '.join(sides)} and better in "
        "one; what has nothing right is not."
    )


def _why_unknown(study: Study, verdict: Verdict) -> str:
    """Why no latency stands beside some models, as a sentence; empty where all have one."""
    standings = (one for task in verdict.tasks for one in task.standings)
    unknown = dict.fromkeys(one.model for one in standings if _latency(one.served) is _UNKNOWN)
    limited = {load.info.model for load in study.loads if load.is_client_limited}
    loaded = {load.info.model for load in study.loads}
    said = ""
    for why, names in (
        ("its client limited the load test", [one for one in unknown if one in limited]),
        ("nobody loaded it", [one for one in unknown if one not in loaded]),
    ):
        if names:
            said += f" Unknown at the load for {listed(names)}: {why}."
    return said


def engine_words(entry: ModelEntry | None) -> str:
    """What serves a model, with its flags."""
    if entry is None:
        return "not known"
    if entry.urls:
        return "somebody else's server"
    if entry.cmd is not None:
        return entry.cmd
    parts = [entry.engine or "engine not known", *entry.args, f"slots {entry.slots}"]
    if entry.context is not None:
        parts.append(f"context {entry.context:,}")
    return " ".join(parts[: 1 + len(entry.args)]) + "".join(
        f", {part}" for part in parts[1 + len(entry.args) :]
    )


def measured_at(run: EvalRun | LoadRun) -> Provenance:
    """The provenance of what a run measured."""
    return Provenance("measured", f"run {run.info.id}", run.info.created)


def _why(study: Study, stage: str, otherwise: str) -> str:
    """Why a stage left nothing, as a sentence."""
    for one in study.run.stages:
        if one.name == stage:
            why = [unit.why for unit in one.units if unit.why]
            return one.why or (why[0] if why else otherwise)
    return otherwise


def _without_verdict(study: Study) -> Block:
    """What was measured where nothing was decided."""
    if not study.evals:
        said = _why(study, "eval", "No suite was asked for.")
        return Block("evaluation", "On your tasks", absent=said)
    rows = tuple(
        (
            words(run.suite),
            words(run.info.model),
            Cell(f"{len(run.items):,}"),
            _accuracy(wilson(run.correct, len(run.items)), measured_at(run))
            if run.items
            else _UNKNOWN,
        )
        for run in study.evals
    )
    grid = Grid("Accuracy", ("Task", "Model", "n", "Accuracy"), rows, frozenset({2, 3}))
    return Block("evaluation", "On your tasks", grid)


def _evidence_row(
    study: Study, verdict: Verdict, task: TaskVerdict, one: ModelEvidence
) -> tuple[Cell, ...]:
    run = next((run for run in study.evals if run.info.id == one.run), None)
    date = "" if run is None else run.info.created
    origin = Provenance("measured", f"run {one.run}", date)
    is_chosen = dict(verdict.chosen.by_task).get(task.task) == one.model
    spent = None if one.spending is None else one.spending.usd_per_1000_accepted
    front = {True: "yes", False: "no", None: _DASH}[one.on_front]
    return (
        words(task.task),
        words(one.model, is_best=is_chosen),
        Cell(f"{one.n:,}"),
        _accuracy(one.accuracy, origin),
        _latency(one.served),
        _UNKNOWN
        if spent is None or one.spending is None
        else Cell(money(spent.value), ends(spent), one.spending.provenance),
        _chance(one.p_best, _drawn(study)),
        words(front),
    )


def _drawn(study: Study) -> Provenance:
    """Where probabilities of being best come from."""
    info = study.run.info if study.verdict is None else study.verdict.info
    return Provenance("predicted", f"bootstrap over items, run {info.id}", info.created)


def _accuracy(share: Interval, origin: Provenance) -> Cell:
    return Cell(percent(share.value), bounds(share), origin)


def _chance(share: float | None, origin: Provenance) -> Cell:
    return Cell(_DASH) if share is None else Cell(chance(share), origin=origin)


def _latency(served: Served | None) -> Cell:
    if served is None:
        return _UNKNOWN
    for name, figure in (("", served.e2e_ms), ("TTFT ", served.ttft_ms)):
        if figure is not None:
            # Where the client was the limit, the model is no slower than that.
            most = "\N{LESS-THAN OR EQUAL TO} " if served.is_client_limited else ""
            text = f"{name}{most}{number(figure.value)} ms {served.percentile}"
            return Cell(text, _bounded(figure), served.provenance)
    return _UNKNOWN


def _bounded(figure: Bounded) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{number(figure.low)}{_DASH}{number(figure.high)}"


def _served_of(study: Study, model: str) -> Served | None:
    if study.verdict is None:
        return None
    standings = (one for task in study.verdict.verdict.tasks for one in task.standings)
    return next((one.served for one in standings if one.model == model and one.served), None)


def _capacity_row(study: Study, run: LoadRun, is_chosen: bool) -> tuple[Cell, ...]:
    model = run.info.model
    served = _served_of(study, model)
    # A model may have been loaded on several machines; the decision rests on one of these runs.
    mine = served if served is not None and served.provenance.source == run.info.id else None
    capacity, p95 = _capacity(run, mine)
    return (
        words(model, is_best=is_chosen),
        capacity,
        p95,
        words(engine_words(entry_of(study, model))),
        words(run.info.machine),
        *_replicas(study, model),
    )


def _predicted_rows(study: Study) -> Iterator[tuple[Cell, ...]]:
    """Models of the decision that nobody loaded, where their capacity is predicted."""
    if study.verdict is None:
        return
    loaded = {load.info.model for load in study.loads}
    for model in study.verdict.verdict.chosen.models:
        served = _served_of(study, model)
        if model in loaded or served is None or served.capacity is None:
            continue
        text = load_words(served.capacity.value, served.capacity_unit)
        yield (
            words(model, is_best=True),
            Cell(text, _bounded(served.capacity), served.provenance),
            _UNKNOWN,
            words(engine_words(entry_of(study, model))),
            words("predicted"),
            *_replicas(study, model),
        )


def _capacity(run: LoadRun, served: Served | None) -> tuple[Cell, Cell]:
    """What a replica serves, and how fast it is then."""
    level = _best_level(run)
    # The client could not send more, so the server may well serve more.
    least = "\N{GREATER-THAN OR EQUAL TO} " if run.is_client_limited else ""
    if served is not None and served.capacity is not None:
        text = load_words(served.capacity.value, served.capacity_unit)
        capacity = Cell(f"{least}{text}", _bounded(served.capacity), served.provenance)
        return capacity, _p95(level, measured_at(run)) if level else _UNKNOWN
    if level is None:
        return Cell("none that meets the SLO"), _UNKNOWN
    rate = level.goodput.requests_per_s if level.goodput else level.requests_per_s
    capacity = Cell(f"{least}{number(rate)} requests/s", origin=measured_at(run))
    return capacity, _p95(level, measured_at(run))


def _best_level(run: LoadRun) -> LoadLevel | None:
    """The level that served the most within the SLO; of one without an SLO the fastest."""
    good = [one for one in run.levels if one.goodput is None or one.goodput.met]
    return max(good, key=lambda one: one.requests_per_s, default=None)


def _p95(level: LoadLevel, origin: Provenance) -> Cell:
    parts = [
        f"{name} {number(found.p95)}"
        for name, found in (("TTFT", level.ttft_ms), ("TPOT", level.tpot_ms))
        if found is not None
    ]
    return Cell(f"{', '.join(parts)} ms", origin=origin) if parts else _UNKNOWN


def _replicas(study: Study, model: str) -> Iterator[Cell]:
    option = _option(study, model)
    if study.cost is None or option is None or option.serving is None:
        chosen = () if study.verdict is None else study.verdict.verdict.chosen.replicas
        count = dict(chosen).get(model)
        yield words(_DASH if count is None else str(count))
        yield words(_DASH)
        return
    run, found = study.cost, option.serving
    own = next(one for one in run.report.question.selfhosted if one.name == option.name)
    origin = Provenance("predicted", f"run {run.info.id}", run.info.created)
    yield Cell(f"{found.replicas}, {own.spare_replicas}", origin=origin)
    use = f"{100 * found.utilisation:.0f} %, {100 * found.peak_utilisation:.0f} %"
    yield Cell(use, origin=origin)


def _option(study: Study, model: str) -> CostedOption | None:
    if study.cost is None:
        return None
    report = study.cost.report
    names = [one.name for one in report.question.selfhosted if one.model == model]
    return next((one for one in report.options if one.name in names), None)
