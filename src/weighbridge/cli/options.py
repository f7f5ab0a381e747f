"""Options that several verbs share, and how they are read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weighbridge.core import units
from weighbridge.core.errors import InputError

if TYPE_CHECKING:
    from weighbridge.workspace.folder import Workspace

ResultT = TypeVar("ResultT")
CommandT = TypeVar("CommandT", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")

key_option = click.option(
    "--key",
    envvar="WEIGHBRIDGE_KEY",
    help="Bearer token of the endpoint; better in the variable WEIGHBRIDGE_KEY.",
)


def workspace_option(command: CommandT) -> CommandT:
    """``--workspace DIR``, handed on as a path."""
    return click.option(
        "--workspace",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="WEIGHBRIDGE_WORKSPACE",
        default=Path(".weighbridge"),
        show_default=True,
        help="Folder that keeps the measurements.",
    )(command)


def table_options(command: CommandT) -> CommandT:
    """``--table FILE`` of per-item results, and which of its columns tell tasks and groups."""
    for option in (
        click.option(
            "--group", metavar="COLUMN", help="With --table: which items belong together."
        ),
        click.option("--task", metavar="COLUMN", help="With --table: tasks, each by itself."),
        click.option(
            "--table",
            type=click.Path(path_type=Path, dir_okay=False),
            help="CSV file with a row per item and a column per model.",
        ),
    ):
        command = option(command)
    return command


def open_workspace(root: Path) -> Workspace:
    """The workspace in ``root``."""
    from weighbridge.verbs import effects  # noqa: PLC0415 -- not needed for --help

    return effects.open_workspace(root)


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


class Bytes(click.ParamType[int]):
    """A size such as ``96MiB``."""

    name = "size"

    def convert(self, value: Any, param: object, ctx: object) -> int:  # noqa: ANN401, ARG002
        """Parse, or fail with the sentence of :func:`units.parse_bytes`."""
        try:
            return value if isinstance(value, int) else units.parse_bytes(value)
        except InputError as error:
            self.fail(str(error))


class Integers(click.ParamType[tuple[int, ...]]):
    """Positive whole numbers separated by commas."""

    name = "n,n,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: object) -> tuple[int, ...]:  # noqa: ANN401, ARG002
        """Parse, or fail with the sentence of :func:`units.parse_integers`."""
        try:
            what = str(param.name) if param else "These"
            return value if isinstance(value, tuple) else units.parse_integers(value, what=what)
        except InputError as error:
            self.fail(str(error))


class Seconds(click.ParamType[float]):
    """A time that passes: finite and above zero."""

    name = "seconds"

    def convert(self, value: Any, param: object, ctx: object) -> float:  # noqa: ANN401, ARG002
        """Parse, or fail with a sentence."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds > 0):
            self.fail(f"{value!r} is not a number of seconds above 0. Write for example 2.5.")
        return seconds


answer_timeout_option = click.option(
    "--timeout",
    type=Seconds(),
    default=600.0,
    show_default=True,
    help="Longest time an answer may take, in seconds.",
)


timeout_option = click.option(
    "--timeout",
    type=Seconds(),
    default=60.0,
    show_default=True,
    help="Longest silence of the server in seconds.",
)


def named(
    pairs: tuple[str, ...], read: Callable[[str], ResultT], example: str
) -> dict[str, ResultT]:
    """Repeated ``NAME=VALUE`` options as a table.

    Raises:
        InputError: one has no ``=``, or its value cannot be read.
    """
    table = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"{pair!r} is not NAME=VALUE.", fix=f"Write for example {example}.")
        table[name] = read(value)
    return table
