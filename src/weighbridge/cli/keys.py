"""``weigh keys``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import NO, say
from weighbridge.cli.options import json_option, print_json
from weighbridge.core.errors import InputError

if TYPE_CHECKING:
    from weighbridge.core.gateway import Spending
    from weighbridge.core.routing import KeyEntry

config_argument = click.argument(
    "config", type=click.Path(path_type=Path), default=Path("router.config.yaml")
)


@click.group()
def command() -> None:
    """Make, list and check the keys of a gateway.

    \b
    Example:
      weigh keys new alice --models small,large --rate 60rpm --budget 20usd/month
      weigh keys list router.config.yaml
      weigh keys check router.config.yaml < token
    """  # noqa: D301 -- \b is click's mark, not an escape


@command.command("new")
@click.argument("name")
@click.option("--models", metavar="A,B", help="Only these models; all where nothing is said.")
@click.option(
    "--rate",
    multiple=True,
    metavar="RATE",
    help="60rpm: requests a minute; 100000tpm: tokens a minute. Repeatable.",
)
@click.option(
    "--budget",
    metavar="BUDGET",
    help="20usd/month, 1M tokens/day, or the name of a budget that keys share. Periods: hour, "
    "day, week, month, ever.",
)
@click.option("--tier", metavar="NAME", help="A name that routes can go by: `when: {tier: NAME}`.")
@click.option("--admin", is_flag=True, help="It may also start and stop engines.")
@json_option
def new(
    *,
    name: str,
    models: str | None,
    rate: tuple[str, ...],
    budget: str | None,
    tier: str | None,
    admin: bool,
    as_json: bool,
) -> None:
    """Make a key for NAME. Its token is printed once and kept nowhere.

    \b
    Example:
      weigh keys new alice --rate 60rpm --budget 20usd/month
      weigh keys new bob --models small,large --budget "1M tokens/day"
      weigh keys new carol --budget team
      weigh keys new root --admin
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import keys  # noqa: PLC0415 -- not needed for --help

    key, entry = keys.made(
        name,
        models=[word.strip() for word in (models or "").split(",") if word.strip()],
        rate=keys.parse_rate(rate),
        budget=keys.parse_budget(budget),
        tier=tier,
        admin=admin,
    )
    if as_json:
        print_json(keys.made_json(key, entry))
        return
    click.echo(key.token)
    if isinstance(entry.budget, str):
        say(f"Its budget {entry.budget!r} has to stand under `budgets:` of the same file.")
    say("This token is shown only now. Put these lines under `keys:` of router.config.yaml:\n")
    say(keys.yaml_lines(key, entry))


@command.command("list")
@config_argument
@json_option
def list_keys(*, config: Path, as_json: bool) -> None:
    """List the keys of CONFIG: what they may do and what they have spent.

    \b
    Example:
      weigh keys list router.config.yaml
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli.tables import print_table  # noqa: PLC0415
    from weighbridge.verbs import keys  # noqa: PLC0415 -- not needed for --help

    found = keys.listed(config)
    if found.fault:
        say(f"Warning: {found.fault}")
    if as_json:
        print_json(keys.to_json(found))
        return
    if not found.rows:
        say(f"{config} has no keys: everybody who reaches the gateway may ask.")
        return
    print_table(
        f"Keys of {config}",
        ["<key", "<models", "<a minute", "<spent", "<until"],
        [
            [
                row.entry.name + (" (admin)" if row.entry.admin else ""),
                "all" if row.entry.models is None else ", ".join(row.entry.models),
                _rate(row.entry),
                _spent(row.spending),
                (row.spending.until if row.spending else "")[:16].replace("T", " "),
            ]
            for row in found.rows
        ],
        caption="Spent of the present period, in UTC; what is set aside for requests is not in it.",
    )


@command.command("check")
@config_argument
@json_option
def check(*, config: Path, as_json: bool) -> None:
    """Say whose a token is. It is read from WEIGHBRIDGE_KEY or standard input, never an argument.

    Exit code 1: it is nobody's.

    \b
    Example:
      weigh keys check router.config.yaml < token
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import keys  # noqa: PLC0415 -- not needed for --help

    found = keys.owner(config, _token())
    if as_json:
        print_json({"name": found.name if found else None})
    elif found is not None:
        click.echo(found.name)
    if found is None:
        say(f"No key of {config} has this token.")
        raise click.exceptions.Exit(NO)


def _token() -> str:
    token = os.environ.get("WEIGHBRIDGE_KEY", "").strip()
    if token:
        return token
    if sys.stdin.isatty():
        token = click.prompt("Token", hide_input=True, err=True).strip()
    else:
        token = sys.stdin.readline().strip()
    if not token:
        raise InputError(
            "There is no token to check.",
            fix="Put it into the variable WEIGHBRIDGE_KEY, or into standard input.",
        )
    return token


def _rate(entry: KeyEntry) -> str:
    if entry.rate is None:
        return ""
    said = (
        (entry.rate.requests_per_minute, "requests"),
        (entry.rate.tokens_per_minute, "tokens"),
    )
    return ", ".join(f"{number:,} {what}" for number, what in said if number is not None)


def _spent(spent: Spending | None) -> str:
    if spent is None:
        return ""
    from weighbridge.report.gateway_words import usd_text  # noqa: PLC0415 -- not for --help

    parts = []
    if spent.usd[1] is not None:
        parts.append(usd_text(spent))
    if spent.tokens[1] is not None:
        parts.append(f"{spent.tokens[0]:,} of {spent.tokens[1]:,} tokens")
    return "; ".join(parts)
