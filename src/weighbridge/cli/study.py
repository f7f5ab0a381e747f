"""``weigh study``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import EXTERNAL, run_async, say, stdout_kept_clean
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option
from weighbridge.cli.study_init import init
from weighbridge.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.core.study import Study
    from weighbridge.verbs.study.running import Options

_STAGES = ("inspect", "plan", "bench", "eval", "rate", "cost", "decide", "route")
_EXAMPLES = """\b
Example:
  weigh study init --model tally=tally.gguf --suite my_suite --yes
  weigh study run
  weigh study status
  weigh study run --from-stage eval
  weigh study report --html report.html"""

file_argument = click.argument(
    "file", type=click.Path(path_type=Path), default=Path("study.yaml"), metavar="[FILE]"
)
_stage_option = click.option(
    "--stage", type=click.Choice(_STAGES), help="Run this stage only, on what there is."
)
_from_option = click.option(
    "--from-stage", type=click.Choice(_STAGES), help="Do this stage and those after it again."
)


@click.group(epilog=_EXAMPLES)
def command() -> None:
    """Run a whole experiment from one file: measure, cost, decide, route.

    What is done is kept: a run goes on where the last one ended, and does again only what a change
    of the file, the models or the suites has made stale.
    """


command.add_command(init)


@command.command("run")
@file_argument
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@_stage_option
@_from_option
@json_option
@workspace_option
def run(
    *,
    file: Path,
    dry_run: bool,
    stage: str | None,
    from_stage: str | None,
    as_json: bool,
    workspace: Path,
) -> int:
    """Do what is to be done of the study in FILE (study.yaml), and write its report.

    \b
    Example:
      weigh study run
      weigh study run examples/demo/study.yaml --dry-run
      weigh study run --stage bench
    """  # noqa: D301 -- \b is click's mark, not an escape
    how = _options(stage, from_stage)
    if dry_run:
        return _show_status(file, workspace, how, as_json=as_json, dry_run=True)
    study = run_file(file, workspace, how)
    deliver(study, workspace, as_json=as_json)
    if study.run.failed:
        return 1 if study.run.said_no else EXTERNAL
    return 1 if study.verdict is not None and study.verdict.verdict.is_useless else 0


@command.command("status")
@file_argument
@json_option
@workspace_option
def status(*, file: Path, as_json: bool, workspace: Path) -> int:
    """Say how far the study in FILE (study.yaml) is, and what to do next.

    \b
    Example:
      weigh study status
      weigh study status --json
    """  # noqa: D301 -- \b is click's mark, not an escape
    return _show_status(file, workspace, None, as_json=as_json, dry_run=False)


@command.command("merge")
@click.argument("others", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@workspace_option
def merge(*, others: tuple[Path, ...], as_json: bool, workspace: Path) -> None:
    """Bring what other machines measured into this workspace.

    OTHERS are their workspaces, as copied here. Runs keep their ids; nothing here is overwritten.
    Load tests of different machines stay apart.

    \b
    Example:
      scp -r big-box:project/.weighbridge big-box
      weigh study merge big-box
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs.study.merging import merge as merge_verb  # noqa: PLC0415
    from weighbridge.verbs.study.merging import to_json  # noqa: PLC0415 -- not for --help

    joined = merge_verb(workspace, others)
    if as_json:
        print_json({"joined": [to_json(one) for one in joined]})
        return
    for one in joined:
        units = sum(count for _, count in one.units)
        click.echo(
            f"{one.root}: {len(one.runs)} runs and {len(one.ratings)} ratings are new, "
            f"{one.known} were known; {units} study records."
        )
        for sentence in one.conflicts:
            say(sentence)


@command.command("report")
@file_argument
@click.option("--html", is_flag=True, help="Write the page; the default.")
@click.option("--markdown", is_flag=True, help="Write Markdown instead.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it.")
@click.option("--run", "run_id", help="A study run's id; by default the newest of FILE's study.")
@workspace_option
def report(
    *,
    file: Path,
    html: bool,
    markdown: bool,
    out: Path | None,
    run_id: str | None,
    workspace: Path,
) -> None:
    """Write the report of the newest run of the study in FILE (study.yaml).

    \b
    Example:
      weigh study report
      weigh study report --markdown --out report.md
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs.effects import writing  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.study import load_study  # noqa: PLC0415

    if html and markdown:
        raise InputError("--html and --markdown are two reports.", fix="Ask for one of them.")
    store = open_workspace(workspace)
    study = load_study(store, run_id or _newest(file, workspace), workspace)
    suffix = "md" if markdown else "html"
    path = out or workspace / "reports" / f"{study.run.info.id}.{suffix}"
    with writing(path) as draft:
        draft.write_text(_rendered(study, markdown=markdown), encoding="utf-8")
    click.echo(str(path))


# -- what the demo shares ---------------------------------------------------------------------


def run_file(
    file: Path, workspace: Path, how: Options | None = None, *, called: str = "weigh study run"
) -> Study:
    """Run a study's file with a progress display."""
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.study import load_study  # noqa: PLC0415
    from weighbridge.verbs.study.effects import real_effects  # noqa: PLC0415
    from weighbridge.verbs.study.reading import read_study  # noqa: PLC0415
    from weighbridge.verbs.study.running import run_study  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    asked = read_study(file, workspace=workspace)

    async def work() -> Study:
        with progress_display() as progress:
            async with Client() as client:
                effects = real_effects(workspace, client, progress)
                done = await run_study(asked, effects, how)
                return load_study(effects.store, done.info.id, workspace)

    with stdout_kept_clean():  # it decides by a solver that may print
        return run_async(
            work(), interrupted=f"Interrupted. What is done is kept; `{called}` goes on from there."
        )


def deliver(
    study: Study,
    workspace: Path,
    *,
    as_json: bool,
    after: Callable[[Study], None] = lambda _: None,
) -> None:
    """Write the report and the gateway's configuration, and show what came of it."""
    from weighbridge.cli.called import called_as  # noqa: PLC0415 -- not for --help
    from weighbridge.cli.study_print import show, show_unchecked  # noqa: PLC0415
    from weighbridge.verbs import decide  # noqa: PLC0415
    from weighbridge.verbs.effects import writing  # noqa: PLC0415
    from weighbridge.verbs.study.figures import to_json  # noqa: PLC0415

    folder, name = workspace / "reports", study.run.info.id
    report_path, router = folder / f"{name}.html", folder / f"{name}.router.config.yaml"
    with writing(report_path) as draft:
        draft.write_text(_rendered(study, markdown=False), encoding="utf-8")
    decided = study.verdict is not None and not study.verdict.verdict.is_useless
    if study.verdict is not None and decided:
        decide.write_router_config(study.verdict, router)
    if as_json:
        paths = {"report": str(report_path), "router_config": str(router) if decided else None}
        print_json({**to_json(study), **paths})
    else:
        show(study)
        after(study)
        show_unchecked(study)
    weigh = called_as()
    lines = [
        f"\nReport         {report_path}",
        f"In the browser {weigh} ui --workspace {workspace}",
        *([f"Route with it  {weigh} serve {router}"] if decided else []),
    ]
    say("\n".join(lines))
    for unit in study.run.failed:
        say(f"Failed: {unit.stage} of {unit.name}: {unit.why}")


def _rendered(study: Study, *, markdown: bool) -> str:
    if markdown:
        from weighbridge.report.study_markdown import study_markdown  # noqa: PLC0415

        return study_markdown(study)
    from weighbridge.report.study import study_page  # noqa: PLC0415 -- not for --help

    return study_page(study, standalone=True)


def _options(stage: str | None, from_stage: str | None) -> Options:
    from weighbridge.verbs.study.running import options  # noqa: PLC0415 -- not for --help

    if stage and from_stage:
        raise InputError(
            "--stage runs one stage, --from-stage all later ones too.", fix="Give one of them."
        )
    return options(stage, from_stage)  # type: ignore[arg-type]


def _show_status(
    file: Path, workspace: Path, how: Options | None, *, as_json: bool, dry_run: bool
) -> int:
    from weighbridge.cli.study_print import show_status  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.study import status as verb  # noqa: PLC0415
    from weighbridge.verbs.study.effects import real_effects  # noqa: PLC0415
    from weighbridge.verbs.study.reading import read_study  # noqa: PLC0415

    found = verb.status(read_study(file, workspace=workspace), real_effects(workspace), how)
    if as_json:
        print_json(verb.to_json(found))
    else:
        show_status(found, dry_run=dry_run)
    return 0


def _newest(file: Path, workspace: Path) -> str:
    from weighbridge.verbs.study import status as verb  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.study.reading import read_study  # noqa: PLC0415

    found = verb.newest(read_study(file).name, open_workspace(workspace))
    if found is None:
        raise InputError(
            f"The study of {file} was not run in {workspace}.",
            fix=f"Run it: weigh study run {file}",
        )
    return found
