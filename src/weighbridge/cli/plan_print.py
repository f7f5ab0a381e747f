"""A plan for people: the ranking, near misses, how to start the winner, and what all rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from weighbridge.cli.plan_rows import shorter, shorter_near
from weighbridge.cli.tables import print_table
from weighbridge.core.units import GIB
from weighbridge.predict.search.verdict import cache_text
from weighbridge.report.plan_words import cost, memory_needed
from weighbridge.verbs.plan import start

if TYPE_CHECKING:
    from weighbridge.core.candidate import Candidate, Estimate
    from weighbridge.core.plan import Order, Plan
    from weighbridge.core.provenance import Interval
    from weighbridge.engines.commands import Launch

_SORTED: Final[dict[Order, str]] = {
    "quality": "quality, then by how surely it meets, then 16-bit KV caches, then tokens/s",
    "tpot": "TPOT",
    "ttft": "TTFT",
    "throughput": "tokens/s",
    "memory": "memory of all devices",
    "users": "users",
    "cost": "cost",
}
_BY_CAPACITY: Final = (
    "cost. At this rate all deliver the same for the price of the machine; those that could take "
    "the most requests come first"
)
_LEGEND: Final = (
    "KV: format of the cache. GiB: on each device, for all users or requests in flight. "
    "[ ]: 8 of 10 cases. Users: who fit into memory. likely: with a doubt that --json and --html "
    "tell. *: on the Pareto front."
)
_NEAR: Final = ["<model", "<format", "<KV", "<engine", "<fails because", "<would meet with"]


def print_plan(found: Plan, met: int, *, ollama: bool = False) -> None:
    """Print a plan, of which ``met`` ways met everything before it was shortened."""
    if found.ranked:
        columns, rows = _ranking(found)
        print_table(
            _title(found, met),
            columns,
            rows,
            caption=_caption(found),
            shorter=shorter(columns, rows),
        )
        click.echo(_LEGEND)
    if found.near_misses:
        click.echo()
        rows = [_near_row(one.estimate, one.changes) for one in found.near_misses]
        print_table(
            "Near misses",
            _NEAR,
            rows,
            caption="Each change was tried by itself.",
            shorter=shorter_near(_NEAR, rows),
        )
    if found.winner is not None:
        click.echo()
        for doubt in found.winner.reasons:
            click.echo(f"# In doubt: {doubt}")
        _print_launch(start(found, found.winner, ollama=ollama))
    click.echo()
    for sentence in (*_about_quality(found), *found.notes):
        click.echo(sentence)


def _print_launch(launch: Launch) -> None:
    """Commands as they can be read and pasted; what is said about them are comments."""
    click.echo(f"# {launch.engine}")
    for note in launch.notes:
        click.echo(f"# {note}")
    for name, content in launch.files:
        mark = "EOF" if launch.needs and "$" in content else "'EOF'"
        click.echo(f"cat > {name} <<{mark}\n{content}EOF")
    several = len(set(launch.hosts)) > 1
    before = 0
    for host, line in zip(launch.hosts, launch.commands, strict=False):
        if several and host != before:
            click.echo(f"# On computer {host}:")
        before = host
        click.echo(line)
    for line in launch.once:
        click.echo(f"{line}  # once it answers")


def _ranking(found: Plan) -> tuple[list[str], list[list[str]]]:
    """Columns and rows; what only some questions ask for has a column only then."""
    asked, front = found.requirements, set(found.front)
    rows = []
    for place, one in enumerate(found.ranked):
        row = _row(one, place in front)
        if asked.workload.requests_per_s is None:
            del row["most req/s"]
        if asked.eur_per_hour is None:
            del row["EUR/M tokens"]
        rows.append(row)
    return list(rows[0]), [list(row.values()) for row in rows]


def _row(one: Estimate, on_front: bool) -> dict[str, str]:
    of = one.candidate
    quality = "–"
    if one.quality is not None:
        quality = f"{one.quality.value:.3g} {one.quality.provenance.kind}"
    verdict = "meets" if not one.reasons else "meets, likely"
    return {
        **_names(of),
        "devices": str(of.devices),
        "GiB": _span(memory_needed(one), 1 / GIB, 1),
        "TTFT ms": _span(one.ttft_ms),
        "TPOT ms": _span(one.tpot_ms, 1, 1),
        "tokens/s": _span(one.tokens_per_s),
        "most req/s": "–" if one.most_requests_per_s is None else f"{one.most_requests_per_s:.3g}",
        "users": "–" if one.most_users is None else f"{one.most_users:.0f}",
        "EUR/M tokens": _span(cost(one), 1, 2),
        "quality": quality,
        "<verdict": f"{verdict}{' *' * on_front}",
    }


def _near_row(one: Estimate, changes: tuple[str, ...]) -> list[str]:
    return [*_names(one.candidate).values(), "; ".join(one.reasons), " or ".join(changes)]


def _names(of: Candidate) -> dict[str, str]:
    return {
        "<model": of.model,
        "<format": of.quantization,
        "<KV": cache_text(of.settings),
        "<engine": _engine(of),
    }


def _title(found: Plan, met: int) -> str:
    load = found.requirements.workload
    many = f"{load.users} user{'s' * (load.users > 1)}"
    if load.requests_per_s is not None:
        many = f"{load.requests_per_s:g} requests/s"
    models = {each.candidate.model for each in found.ranked}
    one, several = ("model", "models")
    if len(models) != len(found.ranked):
        one, several = ("way to serve", "ways to serve")
    meeting = f"1 {one} meets" if met == 1 else f"{met} {several} meet"
    shown = "" if len(found.ranked) == met else f", here the first {len(found.ranked)}"
    weighed = "1 model" if found.models == 1 else f"{found.models} models"
    return (
        f"{found.machine.label}: {meeting} all of it{shown}\n"
        f"{many}, prompts of {load.prompt_tokens} and answers of {load.output_tokens} tokens, "
        f"context {_tokens(load.longest)}{_slo(found)}; {found.considered} ways to serve "
        f"{weighed} weighed"
    )


def _slo(found: Plan) -> str:
    text = str(found.requirements.slo)
    return f", {text}" if text else ""


def _tokens(count: int) -> str:
    return f"{count // 1024}k" if count % 1024 == 0 else str(count)


def _caption(found: Plan) -> str:
    by_capacity = found.order == "cost" and found.requirements.workload.requests_per_s is not None
    return f"Best first by {_BY_CAPACITY if by_capacity else _SORTED[found.order]}."


def _about_quality(found: Plan) -> list[str]:
    """Where the shown qualities are from, each source once."""
    kinds = {
        (one.quality.provenance.kind, one.quality.provenance.source)
        for one in found.ranked
        if one.quality is not None
    }
    return [f"Quality, {kind}: {source}." for kind, source in sorted(kinds)]


def _engine(of: Candidate) -> str:
    spread = of.settings.parallelism
    sizes = (
        ("TP", spread.tensor),
        ("PP", spread.pipeline),
        ("EP", spread.expert),
        ("DP attention ", spread.attention_data),
    )
    parts = [f"{short}{size}" for short, size in sizes if size > 1]
    parts += [f"×{of.replicas}"] if of.replicas > 1 else []
    return " ".join([of.settings.engine.name, *parts])


def _span(span: Interval | None, by: float = 1.0, digits: int = 0) -> str:
    """``412 [192–2115]``."""
    if span is None:
        return "–"
    value, low, high = (f"{end * by:.{digits}f}" for end in (span.value, span.low, span.high))
    return value if low == value == high else f"{value} [{low}–{high}]"
