"""``weigh suites``."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.diagnostics import printable
from weighbridge.cli.options import json_option, print_json
from weighbridge.core.counting import counted

# The names that verbs/suites.py reads; written out so that --help need not import it.
_PUBLISHED = ("humaneval+", "mbpp+", "gsm8k", "math500", "ifeval", "bfcl")


@click.group()
def command() -> None:
    """Suites of tasks: which there are, what is in them, and published ones brought in.

    A suite is a folder with suite.yaml and items.jsonl; docs/evaluation.md has the format.

    \b
    Example:
      weigh suites import gsm8k grade_school_math/data/test.jsonl --output suites/gsm8k
    """  # noqa: D301 -- \b is click's mark, not an escape


@command.command("list")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@json_option
def list_command(folder: Path | None, as_json: bool) -> None:
    """List the suites that come with Weighbridge, or those in a folder.

    \b
    Example:
      weigh suites list suites
    """  # noqa: D301
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs import suites  # noqa: PLC0415

    found = suites.listed(folder)
    if as_json:
        print_json([line.to_json() for line in found])
        return
    print_table(
        "Suites" if folder is None else f"Suites in {folder}",
        ["<name", "items", "<scorer", "<description"],
        [[line.name, str(line.items), line.scorer, line.description] for line in found],
        caption="Evaluate with `weigh eval URL --model M --suite NAME`.",
    )


@command.command("show")
@click.argument("suite", type=click.Path(path_type=Path))
@click.option(
    "--items",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="How many items to show, as they are asked.",
)
@json_option
def show_command(suite: Path, items: int, as_json: bool) -> None:
    """Show a suite: its settings and its first items as a model is asked them.

    \b
    Example:
      weigh suites show arithmetic
    """  # noqa: D301
    from weighbridge.measure.evals.suite import load_suite  # noqa: PLC0415
    from weighbridge.verbs import suites  # noqa: PLC0415

    told = suites.shown(load_suite(suites.suite_folder(suite)), items)
    if as_json:
        print_json(told)
        return
    click.echo(printable(f"{told['name']}: {counted(told['n'], 'item')}, scorer {told['scorer']}"))
    for name in ("description", "source", "license"):
        if told[name]:
            click.echo(printable(f"{name}: {told[name]}"))
    for item in told["items"]:
        click.echo(printable(f"\n--- {item['id']}"))
        for message in item["messages"]:
            click.echo(printable(f"[{message['role']}]\n{message['content']}"))
        if item["answer"] is None:
            click.echo(
                printable(f"[expected]\nno one answer: the scorer {told['scorer']} judges it")
            )
        else:
            click.echo(printable(f"[expected]\n{item['answer']}"))


@command.command("import")
@click.argument("name", type=click.Choice(_PUBLISHED))
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="New folder for the suite.",
)
@json_option
def import_command(name: str, path: Path, output: Path, as_json: bool) -> None:
    """Turn a published suite's own files into a suite.

    PATH is the published file, or the folder that has it. Nothing is downloaded.

    \b
    Example:
      weigh suites import ifeval input_data.jsonl --output suites/ifeval
    """  # noqa: D301
    from weighbridge.verbs import suites  # noqa: PLC0415

    suite = suites.import_published(name, path, output)
    if as_json:
        print_json({"name": suite.name, "n": len(suite.items), "folder": str(output)})
        return
    click.echo(
        printable(
            f"{suite.name}: {counted(len(suite.items), 'item')} in {output} "
            f"(source: {suite.settings.source}; licence: {suite.settings.license})"
        )
    )
