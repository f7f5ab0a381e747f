"""``weigh traffic``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import printable, say
from weighbridge.cli.options import json_option, print_json, workspace_option
from weighbridge.core.errors import InputError
from weighbridge.core.units import plural

if TYPE_CHECKING:
    from weighbridge.verbs.traffic_sample import Sample, Stratum
    from weighbridge.verbs.traffic_tasks import Recognise
    from weighbridge.workspace.traffic import Captured

_CONFIG = Path("router.config.yaml")

since_option = click.option(
    "--since", metavar="WHEN", help="Only later ones: 7d, 12h, 2026-11-01 or a whole time."
)


@click.group()
def command() -> None:
    """Look at captured traffic, and make fixed evaluation sets of it.

    The gateway captures what `capture` in router.config.yaml asks for, with secrets taken out.

    \b
    Example:
      weigh traffic list --since 7d
      weigh traffic show 7f3a
      weigh traffic sample 50 --stratify task --output suites/ours
    """  # noqa: D301 -- \b is click's mark, not an escape


@command.command("list")
@since_option
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="At most so many, the newest first.",
)
@json_option
@workspace_option
def list_command(since: str | None, limit: int, as_json: bool, workspace: Path) -> None:
    """List captured requests, newest first.

    \b
    Example:
      weigh traffic list --since 7d
    """  # noqa: D301
    from weighbridge.cli.tables import figure, print_table  # noqa: PLC0415
    from weighbridge.core.units import format_bytes  # noqa: PLC0415
    from weighbridge.verbs import traffic  # noqa: PLC0415 -- not needed for --help

    after = traffic.since_time(since, datetime.now(UTC))
    if as_json:
        print_json(traffic.list_json(workspace, since=after, limit=limit))
        return
    found = traffic.listed(workspace, since=after, limit=limit)
    if not found:
        when = " since then" if since else "; `capture` in router.config.yaml says what is kept"
        say(f"The workspace {workspace} has no captured requests{when}.")
        return
    size = traffic.size_bytes(workspace)
    print_table(
        f"Captured requests in {workspace}",
        ["<id", "<time", "<key", "<model", "<task", "status", "ms", "<begins"],
        [
            [
                one.id,
                one.time[:19],
                one.key,
                one.model,
                one.task or "–",
                str(one.status) if one.end == "complete" else f"{one.status} {one.end}",
                figure(one.duration_ms),
                traffic.said_last(one, 40),
            ]
            for one in found
        ],
        caption=f"{format_bytes(size)} on disk. See one whole with `weigh traffic show ID`.",
    )


@command.command("show")
@click.argument("request_id", metavar="ID")
@json_option
@workspace_option
def show_command(request_id: str, as_json: bool, workspace: Path) -> None:
    """Show one captured request and its answer.

    \b
    Example:
      weigh traffic show 7f3a
    """  # noqa: D301
    from weighbridge.verbs import traffic  # noqa: PLC0415

    if as_json:
        print_json(traffic.show_json(workspace, request_id))
        return
    _print_captured(traffic.show(workspace, request_id))


@command.command("sample")
@click.argument("count", type=click.IntRange(min=1))
@click.option(
    "--stratify",
    type=click.Choice(["task", "model", "key", "none"]),
    default="task",
    show_default=True,
    help="Each of these in proportion, and with at least one request.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another set.")
@since_option
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Configuration whose `signals` tell the task of requests that named their model; "
    f"{_CONFIG} where it is here.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the set here as a suite's folder, answers still to be filled in.",
)
@json_option
@workspace_option
def sample_command(
    *,
    count: int,
    stratify: Stratum,
    seed: int,
    since: str | None,
    config: Path | None,
    output: Path | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Draw a fixed evaluation set of COUNT different requests.

    The same traffic and seed give the same set, whose hash names it.

    \b
    Example:
      weigh traffic sample 50 --stratify task --output suites/ours
      weigh traffic sample 50 --config gateway/router.config.yaml
    """  # noqa: D301
    from weighbridge.verbs import traffic  # noqa: PLC0415
    from weighbridge.verbs.traffic_sample import UNRECOGNISED  # noqa: PLC0415

    after = traffic.since_time(since, datetime.now(UTC))
    recognise = _recogniser(config)
    drawn = traffic.sample(
        workspace, count, by=stratify, seed=seed, since=after, recognise=recognise
    )
    if output is not None:
        traffic.write_suite(drawn, output)
    if as_json:
        print_json(traffic.sample_json(drawn))
    else:
        _print_sample(drawn)
    if len(drawn.items) < count:
        found = plural(len(drawn.items), "different request")
        were = "was" if len(drawn.items) == 1 else "were"
        say(f"Only {found} {were} captured that can be asked again.")
    if recognise is None and stratify == "task" and UNRECOGNISED in drawn.strata:
        say(
            "Requests that named their model have no task here: name the gateway's configuration "
            "with --config."
        )
    unrepresented = sum(1 for _, sampled in drawn.strata.values() if not sampled)
    if unrepresented:
        say(
            f"{unrepresented} of {len(drawn.strata)} strata "
            f"{'has' if unrepresented == 1 else 'have'} no request in the set: ask for more."
        )
    if output is not None:
        say(
            f"Written to {output}. The captured answers are references, not the truth: write an "
            f"`answer` into each item before `weigh eval`."
        )


def _recogniser(config: Path | None) -> Recognise | None:
    """By the configuration that is named or lies here; one that only lies here may be wrong."""
    from weighbridge.verbs.traffic_tasks import recogniser  # noqa: PLC0415 -- not for --help

    if config is not None:
        return recogniser(config)
    if not _CONFIG.is_file():
        return None
    try:
        return recogniser(_CONFIG)
    except InputError as error:
        say(f"Warning: {error}")
        return None


def _print_sample(drawn: Sample) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415

    left_out = [f"{number} × {why}" for why, number in sorted(drawn.left_out.items())]
    print_table(
        f"Evaluation set {drawn.hash}: {plural(len(drawn.items), 'request')}, seed {drawn.seed}",
        [f"<{'all' if drawn.by == 'none' else drawn.by}", "different requests", "in the set"],
        [[name, str(requests), str(sampled)] for name, (requests, sampled) in drawn.strata.items()],
        caption=f"Left out: {'; '.join(left_out)}." if left_out else "",
    )


def _print_captured(one: Captured) -> None:
    import json  # noqa: PLC0415

    from weighbridge.cli.tables import figure, print_facts  # noqa: PLC0415

    use = one.use
    facts = [
        ("time", one.time),
        ("key", one.key),
        ("asked", one.path),
        ("answered by", one.model or "nobody"),
        ("because", one.why),
        ("task", one.task or ""),
        ("status", f"{one.status}, {one.end}"),
        ("took", f"{figure(one.duration_ms)} ms"),
        ("first byte", "" if one.ttft_ms is None else f"{figure(one.ttft_ms)} ms"),
        ("tokens", "" if use is None else f"{use.prompt} in, {use.output} out"),
        ("taken out", plural(one.redacted, "place") if one.redacted else ""),
    ]
    print_facts(f"Captured request {one.id}", [fact for fact in facts if fact[1]])
    parts = [
        ("Request", json.dumps(one.request, indent=2, ensure_ascii=False)),
        ("Thinking", one.reasoning),
        ("Answer", one.text),
        *((f"Calls {tool.name}", tool.arguments) for tool in one.tools),
    ]
    for title, text in parts:
        if text:
            click.echo(f"\n{printable(title)}")
            click.echo("\n".join(map(printable, text.split("\n"))))
