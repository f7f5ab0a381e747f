"""The options of `weigh tune-estimate`, and how their values are read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from weighbridge.core.errors import InputError
from weighbridge.core.tuning import LOSSES, METHODS, OPTIMIZERS, PRECISIONS, RANK
from weighbridge.core.units import parse_count, parse_tokens

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


class Count(click.ParamType[float]):
    """A positive number such as ``24M``, in decimal units."""

    name = "count"

    def convert(self, value: Any, param: object, ctx: object) -> float:  # noqa: ANN401, ARG002
        """Parse, or fail with the sentence of :func:`units.parse_count`."""
        try:
            found = value if isinstance(value, float) else float(parse_count(str(value)))
        except InputError as error:
            self.fail(str(error))
        if found <= 0:
            self.fail(f"{value!r} is not above 0. Write for example 24M.")
        return found


class Positive(click.ParamType[float]):
    """A finite number above zero."""

    name = "number"

    def convert(self, value: Any, param: object, ctx: object) -> float:  # noqa: ANN401, ARG002
        """Parse, or fail with a sentence."""
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if not (math.isfinite(found) and found > 0):
            self.fail(f"{value!r} is not a number above 0. Write for example 2.29.")
        return found


class Tokens(click.ParamType[int]):
    """A length of text such as ``4k``."""

    name = "tokens"

    def convert(self, value: Any, param: object, ctx: object) -> int:  # noqa: ANN401, ARG002
        """Parse, or fail with the sentence of :func:`units.parse_tokens`."""
        try:
            return value if isinstance(value, int) else parse_tokens(str(value))
        except InputError as error:
            self.fail(str(error))


def method_options(command: CommandT) -> CommandT:
    """What is trained, and in what portions."""
    for option in (
        click.option(
            "--precision",
            type=click.Choice(PRECISIONS),
            default="mixed",
            show_default=True,
            help="Of full fine-tuning: 16 bytes per weight, or 8 with everything in bf16.",
        ),
        click.option(
            "--optimizer-in-backward",
            is_flag=True,
            help="Update each weight as its gradient comes (full fine-tuning).",
        ),
        click.option(
            "--optimizer",
            type=click.Choice(OPTIMIZERS),
            default="adamw",
            show_default=True,
            help="Where Adam's states are, and in how many bits.",
        ),
        click.option(
            "--batch",
            type=click.IntRange(1, 65536),
            default=2,
            show_default=True,
            help="Sequences that one device computes at once.",
        ),
        click.option(
            "--seq",
            type=Tokens(),
            default="2048",
            show_default=True,
            help="Tokens of a sequence; k = 1024.",
        ),
        click.option(
            "--rank",
            type=click.IntRange(1, 65536),
            default=None,
            help=f"Rank of the adapters.  [default: {RANK}]",
        ),
        click.option(
            "--method",
            type=click.Choice(METHODS),
            default="qlora",
            show_default=True,
            help="What is trained.",
        ),
    ):
        command = option(command)
    return command


def saving_options(command: CommandT) -> CommandT:
    """What trades memory for time."""
    for option in (
        click.option(
            "--expert-adapters", is_flag=True, help="Adapters at the routed experts as well."
        ),
        click.option(
            "--no-compile", is_flag=True, help="Without torch.compile: slower, and more memory."
        ),
        click.option(
            "--weights-offload",
            is_flag=True,
            help="Weights and optimizer in the host's memory (FSDP's CPU offload).",
        ),
        click.option(
            "--activation-offload", is_flag=True, help="Checkpoints in the host's memory."
        ),
        click.option(
            "--no-checkpointing", is_flag=True, help="Keep activations instead of recomputing."
        ),
        click.option(
            "--loss",
            type=click.Choice(LOSSES),
            default="chunked",
            show_default=True,
            help="How logits are kept: all, in parts, or not at all (cut cross entropy).",
        ),
    ):
        command = option(command)
    return command


def data_options(command: CommandT) -> CommandT:
    """How much is trained on, on what, at what price."""
    for option in (
        click.option("--labour-rate", type=float, help="USD per hour of people's work."),
        click.option("--labour-hours", type=float, help="People's work on data and evaluation."),
        click.option("--gpu-price", type=Positive(), help="USD for an hour of one GPU."),
        click.option(
            "--count", type=click.IntRange(1, 1024), help="Devices that train together (FSDP)."
        ),
        click.option(
            "--device", metavar="NAME", help="For example 'RTX 4090', '8x H100 SXM' or box.yaml."
        ),
        click.option(
            "--packed/--unpacked",
            default=True,
            show_default=True,
            help="Whether a sequence holds several examples.",
        ),
        click.option("--epochs", type=Positive(), help="With --examples: passes over them."),
        click.option("--tokens-per-example", type=Tokens(), help="Mean length of an example."),
        click.option("--examples", type=Count(), help="Examples to train on."),
        click.option(
            "--tokens", type=Count(), help="Tokens to train on, all epochs together, such as 24M."
        ),
    ):
        command = option(command)
    return command
