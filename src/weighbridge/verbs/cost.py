"""``weigh cost``: what a workload costs a month, oneself and at an API, and what turns that."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from weighbridge.core.cost import (
    CostedOption,
    CostQuestion,
    CostReport,
    CostRun,
    Demand,
    Serving,
    Uncertain,
)
from weighbridge.core.cost_comparison import Comparison
from weighbridge.core.effects import Clock, Store
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.runs import content_hash
from weighbridge.core.sheet_cells import guarded
from weighbridge.predict.cost.check import all_quantities
from weighbridge.predict.cost.labels import label, short
from weighbridge.predict.cost.report import DRAWS, answer
from weighbridge.predict.cost.words import break_even_sentence, cannot_serve


def cost(
    question: CostQuestion,
    clock: Clock,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    notes: Sequence[str] = (),
) -> CostReport:
    """Cost every option and compare every self-hosted one with every API.

    Raises:
        InputError: a quantity is impossible.
    """
    return answer(question, seed=seed, draws=draws, created=clock.now_iso(), notes=notes)


def keep(store: Store, report: CostReport) -> CostRun:
    """Keep a report as a run of kind ``cost``.

    Raises:
        WorkspaceError: the run cannot be saved.
    """
    asked = report.question
    first = asked.selfhosted[0]
    demand = asked.demand
    info = store.new_info(
        "cost",
        model=first.model or first.name,
        subject=f"{short(demand.volume.base)} {demand.unit}/day on {first.device or 'GPU'}",
        key=content_hash("cost", asked, report.seed, report.draws),
    )
    run = CostRun(info, report)
    store.save(info, run)
    return run


def is_possible(report: CostReport) -> bool:
    """Whether at least one self-hosted option can serve the demand with the GPUs allowed."""
    return any(one.serving is not None and one.serving.within_capacity for one in report.options)


def verdict_sentences(report: CostReport) -> tuple[str, ...]:
    """The answer in words: what cannot be served, then each comparison with its break-even."""
    demand = report.question.demand
    said = [
        cannot_serve(one, own, demand)
        for own in report.question.selfhosted
        if (one := report.option(own.name)).serving is not None
        and one.serving is not None
        and not one.serving.within_capacity
    ]
    for each in report.comparisons:
        said += [each.verdict, break_even_sentence(each)]
    return tuple(said)


def to_json(report: CostReport) -> dict[str, Any]:
    """The document of ``weigh cost --json``; keys are documented in docs/json.md."""
    least = {own.name for own in report.question.selfhosted if own.capacity.at_least}
    return {
        "created": report.created,
        "seed": report.seed,
        "draws": report.draws,
        "demand": _demand(report.question.demand),
        "options": [_option(one, at_most=one.name in least) for one in report.options],
        "comparisons": [_comparison(one) for one in report.comparisons],
        "break_even": [_break_even(one) for one in report.comparisons],
        "quantities": [
            {"option": option, "driver": driver, "label": label(driver), **_uncertain(one)}
            for option, driver, one in all_quantities(report.question)
        ],
        "verdict": list(verdict_sentences(report)),
        "notes": list(report.notes),
    }


def to_csv(report: CostReport) -> str:
    """A row per line of each option's bill, totals last."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["option", "line", "usd_per_month", "low", "high", "kind", "source", "date"])
    for option in report.options:
        for line in option.lines:
            usd, origin = line.usd_per_month, line.provenance
            told = [origin.kind, origin.source, origin.date]
            row = [option.name, line.name, usd.value, usd.low, usd.high, *told]
            table.writerow(map(guarded, row))
        usd = option.usd_per_month
        table.writerow([guarded(option.name), "total", usd.value, usd.low, usd.high, "", "", ""])
    return out.getvalue()


def _demand(demand: Demand) -> dict[str, Any]:
    return {
        "tokens_per_day": demand.tokens_per_day,
        "requests_per_day": demand.requests_per_day,
        "tokens_per_request": demand.tokens_per_request,
        "peak_to_mean": demand.peak_to_mean,
        "profile": list(demand.profile),
        "profile_source": demand.profile_source,
    }


def _option(one: CostedOption, *, at_most: bool) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "at_most": at_most,
        "same_model": one.same_model,
        "usd_per_month": _interval(one.usd_per_month),
        "usd_per_1000_requests": _interval(one.usd_per_1000_requests),
        "marginal_usd_per_1000_requests": one.marginal_usd_per_1000_requests,
        "usd_per_1000_accepted": _interval(one.usd_per_1000_accepted),
        "pass_rate": _interval(one.pass_rate),
        "lines": [
            {
                "name": line.name,
                "usd_per_month": _interval(line.usd_per_month),
                "provenance": _provenance(line.provenance),
            }
            for line in one.lines
        ],
        "serving": None if one.serving is None else _serving(one.serving),
    }


def _serving(one: Serving) -> dict[str, Any]:
    names = Serving.__dataclass_fields__
    return {name: getattr(one, name) for name in names}


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "option": one.option,
        "against": one.against,
        "same_model": one.same_model,
        "difference_usd_per_month": {
            "value": one.difference.value,
            "p10": one.difference.low,
            "p50": one.median_difference,
            "p90": one.difference.high,
        },
        "per_accepted": one.per_accepted,
        "at_most": one.at_most,
        "p_self_cheaper": one.p_self_cheaper,
        "p_within_capacity": one.p_within_capacity,
        "swings": [
            {
                "driver": bar.driver,
                "label": bar.label,
                "low": bar.low,
                "high": bar.high,
                "difference_at_low": bar.at_low,
                "difference_at_high": bar.at_high,
                "usd": bar.usd,
                "assumed_range": bar.assumed_range,
            }
            for bar in one.swings
        ],
        "flips": [
            {
                "driver": flip.driver,
                "label": flip.label,
                "base": flip.base,
                "value": flip.value,
                "sentence": flip.sentence,
            }
            for flip in one.flips
        ],
        "verdict": one.verdict,
    }


def _break_even(one: Comparison) -> dict[str, Any]:
    found = one.break_even
    return {
        "option": one.option,
        "against": one.against,
        "same_model": one.same_model,
        "at_most": one.at_most,
        "tokens_per_day": found.tokens_per_day,
        "within_capacity": found.within_capacity,
        "capacity_tokens_per_day": found.capacity_tokens_per_day,
        "capacity_replicas": found.capacity_replicas,
        "capacity_is_limited": found.is_limited,
        "ignoring_capacity_tokens_per_day": found.ignoring_capacity,
        "crossings": [
            {
                "tokens_per_day": each.tokens_per_day,
                "self_becomes": each.direction,
                "replicas": each.replicas,
                "at_stair": each.at_stair,
            }
            for each in found.crossings
        ],
    }


def _uncertain(one: Uncertain) -> dict[str, Any]:
    return {
        "base": one.base,
        "low": one.low,
        "high": one.high,
        "shape": one.shape,
        "provenance": _provenance(one.provenance),
    }


def _interval(one: Interval | None) -> dict[str, float] | None:
    if one is None:
        return None
    return {"value": one.value, "low": one.low, "high": one.high, "level": one.level}


def _provenance(of: Provenance) -> dict[str, str]:
    return {"kind": of.kind, "source": of.source, "date": of.date}
