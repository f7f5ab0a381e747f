"""The constraints of ``weigh decide``, and how they are read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli.options import CommandT, named
from weighbridge.core.errors import InputError
from weighbridge.core.territories import territory
from weighbridge.core.units import parse_bytes

if TYPE_CHECKING:
    from weighbridge.core.constraints import Constraints, ExpectedLoad
    from weighbridge.core.machine import Machine
    from weighbridge.verbs.decide_evidence import Told

_LOAD = re.compile(r"\s*([0-9.]+)\s*(requests/s|req/s|/s|users?)\s*")
_BARE_DEVICES = re.compile(r"\s*(?:(\d+)\s*[x×*]\s*)?([0-9.]+\s*[KMGT]i?B)\s*", re.IGNORECASE)


def constraint_options(command: CommandT) -> CommandT:
    """Options that say what must hold; their values arrive by name."""
    for option in reversed(
        (
            click.option(
                "--data-stays", is_flag=True, help="Only models that answer on your machines."
            ),
            click.option("--territory", metavar="EU", help="Where data must be processed."),
            click.option(
                "--at",
                multiple=True,
                metavar="MODEL=PLACE",
                help="Where a model answers: here, or a territory. Repeatable.",
            ),
            click.option(
                "--intent", metavar="INTENTS", help="What the licences must allow: commercial,eu…"
            ),
            click.option(
                "--license-read",
                multiple=True,
                metavar="MODEL",
                help="A model whose licence you have read and accept. Repeatable.",
            ),
            click.option(
                "--slo", default="", help="Conditions, e.g. 'ttft_p95<500ms,tpot_p95<40ms'."
            ),
            click.option(
                "--load", metavar="LOAD", help="What has to be served: 12/s, or 40 users."
            ),
            click.option(
                "--devices",
                metavar="DEVICES",
                help="What models are put on: '2x RTX 4090', 2x24GiB.",
            ),
            click.option("--usd-per-month", type=float, help="Most money for all models together."),
            click.option(
                "--usd",
                multiple=True,
                metavar="MODEL=USD",
                help="What a replica costs a month, where no cost run says it. Repeatable.",
            ),
            click.option(
                "--min-accuracy",
                multiple=True,
                metavar="TASK=SHARE",
                help="Least accuracy that will do: code=0.8. Repeatable.",
            ),
        )
    ):
        command = option(command)
    return command


def read_constraints(said: Mapping[str, Any]) -> tuple[Constraints, Told]:
    """The constraints, and what is told of models and machine.

    Raises:
        InputError: one of them cannot be read.
    """
    from weighbridge.core.constraints import NO_LOAD, Constraints  # noqa: PLC0415
    from weighbridge.core.workload import parse_slo  # noqa: PLC0415
    from weighbridge.facts.licenses.intents import parse_intents  # noqa: PLC0415
    from weighbridge.verbs.decide_evidence import Told  # noqa: PLC0415

    machine, device_bytes = read_devices(said["devices"]) if said["devices"] else (None, ())
    budget = said["usd_per_month"]
    if budget is not None and not (math.isfinite(budget) and budget >= 0):
        raise InputError(f"{budget} is no sum of money.", fix="Write for example 2500.")
    constraints = Constraints(
        data_may_leave=not said["data_stays"],
        territory=territory(said["territory"]) if said["territory"] else None,
        intents=parse_intents(said["intent"]) if said["intent"] else None,
        license_read=said["license_read"],
        places=tuple(named(said["at"], _place, "gpt=EU").items()),
        slo=parse_slo(said["slo"]),
        load=read_load(said["load"]) if said["load"] else NO_LOAD,
        device_bytes=device_bytes,
        usd_per_month=budget,
        min_accuracy=tuple(named(said["min_accuracy"], _accuracy, "code=0.8").items()),
    )
    return constraints, Told(machine, usd_per_month=named(said["usd"], _usd, "tally=1200"))


def read_load(text: str) -> ExpectedLoad:
    """``12/s`` or ``40 users``.

    Raises:
        InputError: it is neither, or not above zero.
    """
    from weighbridge.core.constraints import ExpectedLoad  # noqa: PLC0415

    match = _LOAD.fullmatch(text.lower())
    number = _number(match.group(1)) if match else math.nan
    if match is None or not number > 0:
        raise InputError(f"{text!r} is not a load.", fix="Write for example 12/s or '40 users'.")
    if match.group(2).startswith("user"):
        return ExpectedLoad(users=math.ceil(number))
    return ExpectedLoad(requests_per_s=number)


def read_devices(text: str) -> tuple[Machine | None, tuple[int, ...]]:
    """Devices by name, or by nothing but their memory: ``2x24GiB``.

    Raises:
        InputError: no such device is known.
    """
    bare = _BARE_DEVICES.fullmatch(text)
    if bare:
        count = int(bare.group(1) or 1)
        if not 1 <= count <= 1024:
            raise InputError(
                f"{text!r} is not a number of devices.", fix="Write for example 2x24GiB."
            )
        return None, (parse_bytes(bare.group(2)),) * count
    from weighbridge.facts.devices import read_machine  # noqa: PLC0415

    machine = read_machine(text)
    return machine, (machine.device.memory_bytes,) * machine.count


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _place(text: str) -> str:
    word = text.strip()
    return "here" if word.lower() == "here" else territory(word)


def _usd(text: str) -> float:
    money = _number(text)
    if not (math.isfinite(money) and money >= 0):
        raise InputError(f"{text!r} is no sum of money.", fix="Write for example tally=1200.")
    return money


def _accuracy(text: str) -> float:
    share = _number(text[:-1]) / 100 if text.endswith("%") else _number(text)
    if not 0 <= share <= 1:
        raise InputError(
            f"{text!r} is not an accuracy.", fix="Write for example code=0.8 or code=80%."
        )
    return share
