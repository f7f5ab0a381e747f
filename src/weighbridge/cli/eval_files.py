"""``weigh eval import`` and ``weigh eval export``."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.diagnostics import printable
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option
from weighbridge.core.counting import counted


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", help="The model's name, where the file does not say it.")
@click.option("--suite", help="Another name for the suite.")
@click.option("--metric", help="Which metric or scorer counts, where the file has several.")
@click.option("--filter", "filter_name", help="Which of lm-eval's filters counts.")
@json_option
@workspace_option
def import_(
    *,
    file: Path,
    model: str | None,
    suite: str | None,
    metric: str | None,
    filter_name: str | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Keep another tool's results as a run: lm-eval's samples, or a log of Inspect.

    Two models' runs over the same questions can then be compared with `weigh compare`.

    \b
    Example:
      weigh eval import samples_gsm8k_2026-11-01T10-00-00.jsonl --filter strict-match --model qwen3
      weigh eval import logs/2026-11-01_gsm8k.eval
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli.eval_print import show  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.eval_figures import figures_of, to_json  # noqa: PLC0415
    from weighbridge.verbs.eval_files import import_run  # noqa: PLC0415

    run = import_run(
        open_workspace(workspace), file,
        model=model, suite=suite, metric=metric, filter_name=filter_name,
    )  # fmt: skip
    if as_json:
        print_json(to_json(run))
    else:
        show(run, figures_of(run))


@click.command("export")
@click.argument("run")
@click.option(
    "--inspect",
    "inspect_log",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Write it there as a JSON log of Inspect.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@workspace_option
def export(*, run: str, inspect_log: Path, force: bool, workspace: Path) -> None:
    """Write a run in another tool's format.

    \b
    Example:
      weigh eval export eval-1a2b3c --inspect logs/eval.json
    """  # noqa: D301
    from weighbridge.verbs.eval_files import export_inspect  # noqa: PLC0415

    found = export_inspect(open_workspace(workspace), run, inspect_log, force=force)
    samples = counted(len(found.items), "sample")
    click.echo(printable(f"{found.info.id}: {samples} in {inspect_log}"))
