"""``weigh models``: the catalogue of open-weight models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli import diagnostics
from weighbridge.cli.options import CommandT, json_option, print_json
from weighbridge.core import units
from weighbridge.core.errors import InputError
from weighbridge.core.units import format_count, format_tokens

if TYPE_CHECKING:
    from weighbridge.facts.catalog.model import CatalogueModel


class Tokens(click.ParamType[int]):
    """A length of text such as ``128k``, where k is 1024."""

    name = "tokens"

    def convert(self, value: Any, param: object, ctx: object) -> int:  # noqa: ANN401, ARG002
        """Parse, or fail with the sentence of :func:`units.parse_tokens`."""
        try:
            return value if isinstance(value, int) else units.parse_tokens(value)
        except InputError as error:
            self.fail(str(error))


class Count(click.ParamType[int]):
    """A number such as ``32B``."""

    name = "number"

    def convert(self, value: Any, param: object, ctx: object) -> int:  # noqa: ANN401, ARG002
        """Parse, or fail with the sentence of :func:`units.parse_count`."""
        try:
            return value if isinstance(value, int) else units.parse_count(value)
        except InputError as error:
            self.fail(str(error))


def catalog_option(command: CommandT) -> CommandT:
    """``--catalog FILE``, handed on as a path or None."""
    return click.option(
        "--catalog",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="WEIGHBRIDGE_CATALOG",
        help="Your own catalogue; by default models.jsonl in the data folder of your account.",
    )(command)


def own_file(catalog: Path | None) -> Path:
    """The user's own catalogue file."""
    from weighbridge.facts.catalog.lines import own_path  # noqa: PLC0415 -- not needed for --help

    return catalog or own_path(os.environ)


@click.group(
    invoke_without_command=True,
    epilog="Example: weigh models --max-size 32B --min-context 128k --license commercial",
)
@click.option("--min-size", type=Count(), help="Least number of weights, e.g. 7B.")
@click.option("--max-size", type=Count(), help="Most weights, e.g. 32B.")
@click.option("--max-active", type=Count(), help="Most weights per token, e.g. 4B.")
@click.option(
    "--min-context",
    type=Tokens(),
    help="Least trained context in tokens, e.g. 128k; k = 1024, as wherever tokens are counted.",
)
@click.option(
    "--license",
    "licensed",
    default="",
    help="permissive, conditional, use-restricted, non-commercial, unread; commercial: what may be "
    "used to earn money, with conditions too; or a licence id.",
)
@click.option("--modality", default="", help="What it takes: text (only), image, embedding …")
@click.option("--family", default="", help="Only one family, e.g. qwen.")
@click.option(
    "--sort",
    type=click.Choice(["size", "active", "context", "released", "name"]),
    help="Largest or newest first; names from A to Z.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print a table with commas on stdout.")
@json_option
@catalog_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    min_size: int | None,
    max_size: int | None,
    max_active: int | None,
    min_context: int | None,
    licensed: str,
    modality: str,
    family: str,
    sort: Any,  # noqa: ANN401 -- click checked it
    as_csv: bool,
    as_json: bool,
    catalog: Path | None,
) -> int:
    """List current open-weight models: size, context, licence.

    The catalogue comes with weighbridge and works offline; models that you add win over it.
    """
    if ctx.invoked_subcommand is not None:
        return diagnostics.OK
    from weighbridge.facts.catalog.catalogue import load  # noqa: PLC0415 -- not needed for --help
    from weighbridge.facts.catalog.filters import Filter  # noqa: PLC0415
    from weighbridge.verbs import models as verb  # noqa: PLC0415

    wanted = Filter(min_size, max_size, max_active, min_context, licensed, modality, family, sort)
    found = verb.select(load(own_file(catalog)), wanted)
    if as_json:
        print_json(verb.to_json(found))
    elif as_csv:
        click.echo(verb.to_csv(found), nl=False)
    elif found:
        _print_list(found)
    if not found:
        diagnostics.say("No model of the catalogue passes; ask for less.")
        return diagnostics.NO
    return diagnostics.OK


@command.command(epilog="Example: weigh models show qwen3-8b")
@click.argument("name")
@json_option
@catalog_option
def show(name: str, *, as_json: bool, catalog: Path | None) -> None:
    """Say all that the catalogue knows of a model.

    NAME is its Hub id or enough of it.
    """
    from weighbridge.facts.catalog.catalogue import load  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs import models as verb  # noqa: PLC0415

    model = load(own_file(catalog)).find(name)
    if as_json:
        print_json(verb.details(model))
    else:
        _print_details(model)


@command.command(epilog="Example: weigh models add ./my-finetune/config.json --name me/my-model")
@click.argument("source")
@click.option("--name", help="What to call it instead of what it calls itself.")
@click.option("--license", "license_id", help="Its licence, where the source does not state it.")
@json_option
@catalog_option
def add(
    source: str,
    *,
    name: str | None,
    license_id: str | None,
    as_json: bool,
    catalog: Path | None,
) -> None:
    """Add a model to your own catalogue.

    SOURCE is a Hub id, a folder, a config.json or a URL. Its weights are not downloaded.
    """
    from weighbridge.verbs import effects  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs import models as verb  # noqa: PLC0415

    own = own_file(catalog)
    model = verb.add(source, own, effects.SystemClock(), name=name, license_id=license_id)
    if as_json:
        print_json(verb.details(model))
    else:
        size = format_count(model.parameters)
        click.echo(f"{model.id} ({size}, licence {model.terms.category}) is now in {own}.")


def _print_list(models: Sequence[CatalogueModel]) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- heavy, only for people
    from weighbridge.facts.licenses.clauses import NOT_LEGAL_ADVICE  # noqa: PLC0415

    print_table(
        f"{len(models)} models",
        ["<model", "size", "active", "context", "<licence", "<takes", "released"],
        [
            [
                model.id,
                _size(model.parameters),
                _size(model.active),
                _tokens(model.context),
                model.terms.category,
                model.modality.removeprefix("text+"),
                (model.released or "–")[:7],
            ]
            for model in models
        ],
        caption=f"Sizes and dates: catalogue; context in tokens, k = 1024. {NOT_LEGAL_ADVICE}",
    )


def _print_details(model: CatalogueModel) -> None:
    from weighbridge.cli.tables import print_facts  # noqa: PLC0415 -- heavy, only for people
    from weighbridge.facts.licenses.clauses import NOT_LEGAL_ADVICE  # noqa: PLC0415
    from weighbridge.facts.licenses.summary import summarise  # noqa: PLC0415

    rows = [
        ("parameters", f"{format_count(model.parameters)}, {format_count(model.active)} active"),
        ("takes", model.modality),
        ("context", _tokens(model.context)),
        ("released", model.released or "–"),
        ("licence", f"{model.license or 'not stated'}: {summarise(model.terms)}"),
        *_architecture_rows(model),
        ("source", f"{model.source}, {model.date}"),
    ]
    if model.notes:
        rows.append(("notes", model.notes))
    print_facts(model.id, rows, caption=NOT_LEGAL_ADVICE)


def _architecture_rows(model: CatalogueModel) -> list[tuple[str, str]]:
    from weighbridge.core.wording import growth_text, stack_text  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs.models import rebuilt  # noqa: PLC0415

    built = rebuilt(model)
    if isinstance(built, str):
        return [("architecture", built)]
    certain = "" if model.verified else f" (from {_BASES[model.basis]}, not verified)"
    return [
        ("architecture", stack_text(built) + certain),
        ("KV cache", f"per token in bf16: {growth_text(built)}"),
    ]


_BASES = {
    "config": "its configuration",
    "copy": "a copy of its configuration",
    "relative": "a relative's configuration",
    "dimensions": "its dimensions",
    "size": "its size",
}


def _size(count: int) -> str:
    """Weights in four characters or so: ``0.6B``, ``27.8B``, ``2.4T``."""
    return f"{count / 1e12:.1f}T" if count >= 1e12 else f"{count / 1e9:.1f}B"


def _tokens(count: int | None) -> str:
    """A context, k = 1024: 131072 is ``128k`` and 128000 is ``125k``."""
    return "–" if count is None else format_tokens(count)
