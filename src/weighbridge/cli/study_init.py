"""``weigh study init``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from weighbridge.cli.options import Integers, workspace_option
from weighbridge.core.errors import InputError

if TYPE_CHECKING:
    from weighbridge.verbs.study.writing import Answers

HERE: Final = "here"
# Stands for the models while nobody has named one, so that other answers can be checked.
_ANY_MODEL: Final = ("any=http://127.0.0.1:1/v1#any",)
_API = "a name of `weigh prices`, or NAME=IN/OUT in USD per million tokens"
_MODEL = "NAME=FILE.gguf, NAME=URL#MODEL, or a name of the Hub"


@click.command("init")
@click.argument(
    "file", type=click.Path(path_type=Path), default=Path("study.yaml"), metavar="[FILE]"
)
@click.option("--name", help="Of the study; by default the folder's.")
@click.option("--model", "models", multiple=True, help=f"{_MODEL}; may be given again.")
@click.option("--suite", "suites", multiple=True, help="Folder or shipped suite; likewise.")
@click.option("--machine", help="here, or a line such as '1x L40S'.")
@click.option("--users", type=Integers(), help="At once, level by level; by default 1,8.")
@click.option("--volume", help="Such as 2M-tokens/day; for costs.")
@click.option("--api", "apis", multiple=True, help=f"That would be displaced: {_API}.")
@click.option("--same-model-api", "same", multiple=True, help="Host of the same model, likewise.")
@click.option("--gpu-price", help="USD an hour of a GPU, such as 0.8..1.1..1.9; for costs.")
@click.option("--slo", help="Such as 'ttft_p95<2s,tpot_p95<60ms'.")
@click.option(
    "--data-may-leave/--data-stays", default=None, help="Whether hosted APIs may be used."
)
@click.option("--key-env", default="", help="Environment variable with the key of the addresses.")
@click.option("--yes", is_flag=True, help="Ask nothing: what is not given stays as it is.")
@workspace_option
def init(
    *,
    file: Path,
    name: str | None,
    models: tuple[str, ...],
    suites: tuple[str, ...],
    machine: str | None,
    users: tuple[int, ...] | None,
    volume: str | None,
    apis: tuple[str, ...],
    same: tuple[str, ...],
    gpu_price: str | None,
    slo: str | None,
    data_may_leave: bool | None,
    key_env: str,
    yes: bool,
    workspace: Path,
) -> None:
    """Ask a few questions and write FILE (study.yaml), which `weigh study run` executes.

    \b
    Example:
      weigh study init
      weigh study init --model tally=tally.gguf --model api=https://host/v1#big --suite mine --yes
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs.study.writing import Answers, new_study  # noqa: PLC0415

    _refuse_existing(file)
    given = Answers(
        name=name or _folder_name(file),
        models=models,
        suites=suites,
        machine=machine or ("" if not yes else HERE),
        users=users or (1, 8),
        volume=volume or "",
        slo=slo or "",
        data_may_leave=data_may_leave,
        key_env=key_env,
        apis=apis,
        same_model_apis=same,
        gpu_price=gpu_price or "",
    )
    if not yes:
        unsaid = [key for key, value in (("volume", volume), ("slo", slo)) if value is None]
        given = _Questions(file, given, workspace).asked(unsaid)
    if not given.models:
        raise InputError("No model is named.", fix=f"Give --model {_MODEL}.")
    new_study(given, file, workspace)
    click.echo(f"Wrote {file}. Next: weigh study run {file}")


class _Questions:
    """Asks for what the options do not say; an answer that cannot be is asked for again.

    Args:
        file: to be written; what is refused is relative to its folder.
        given: what is said already.
        workspace: whose price book counts.
    """

    def __init__(self, file: Path, given: Answers, workspace: Path) -> None:
        self._file = file
        self._workspace = workspace
        self._given = given

    def asked(self, unsaid: Sequence[str]) -> Answers:
        """All answers; of ``volume`` and ``slo`` those that the options left unsaid are asked."""
        given = self._given
        if not given.machine:
            self._take("machine", self._one("machine", _machine_question(), default=HERE))
        if not given.models:
            self._several("models", "A model to weigh", _MODEL, least=1)
        if not given.suites:
            self._several("suites", "A suite to ask them", _shipped())
        if "volume" in unsaid:
            text = "How much a day, such as 2M-tokens/day (empty if you do not know)"
            self._take("volume", self._one("volume", text))
        if self._given.volume and not given.apis:
            self._several("apis", "An API to compare with", _API)
        if self._given.volume and not given.gpu_price:
            text = "USD an hour of a GPU, such as 0.8..1.1..1.9 (empty for list prices)"
            self._take("gpu_price", self._one("gpu_price", text))
        if "slo" in unsaid:
            text = "What users expect, such as ttft_p95<2s (empty for nothing)"
            self._take("slo", self._one("slo", text))
        return self._given

    def _take(self, key: str, value: object) -> None:
        self._given = replace(self._given, **{key: value})  # type: ignore[arg-type]

    def _several(self, key: str, what: str, how: str, *, least: int = 0) -> None:
        """Answers until an empty one, which is asked for again while there are too few."""
        click.echo(f"{what}: {how}. An empty line ends the list.", err=True)
        while True:
            answer = self._one(key, what, is_list=True)
            if answer:
                self._take(key, (*getattr(self._given, key), answer))
            elif len(getattr(self._given, key)) >= least:
                return
            else:
                click.echo(f"A study needs one at least: {how}.", err=True)

    def _one(self, key: str, text: str, *, default: str = "", is_list: bool = False) -> str:
        def accepted(answer: str) -> str:
            answer = answer.strip()
            if answer:
                value = (*getattr(self._given, key), answer) if is_list else answer
                self._check(key, value)
            return answer

        shown = bool(default)
        found: str = click.prompt(
            text, default=default, show_default=shown, value_proc=accepted, err=True
        )
        return found

    def _check(self, key: str, value: object) -> None:
        from weighbridge.verbs.study.writing import refusal  # noqa: PLC0415 -- not for --help

        trial = replace(self._given, **{key: value})  # type: ignore[arg-type]
        if not trial.models:
            trial = replace(trial, models=_ANY_MODEL)
        if not trial.machine:
            trial = replace(trial, machine=HERE)
        if why := refusal(trial, self._file, self._workspace):
            raise click.UsageError(why)


def _refuse_existing(file: Path) -> None:
    """Before any question is asked."""
    if file.exists():
        raise InputError(
            f"{file} is there already and is left alone.", fix="Name another file, or move it away."
        )


def _machine_question() -> str:
    from weighbridge.facts.devices.detect import detect  # noqa: PLC0415 -- asks drivers

    found = detect().machine
    label = found.label if found is not None else "not known well enough to plan with"
    click.echo(f"This machine: {label}.", err=True)
    return "What is to serve: `here`, or a line such as 1x L40S"


def _shipped() -> str:
    from weighbridge.verbs.suites import shipped_folders  # noqa: PLC0415 -- not for --help

    return f"its folder, or one of {', '.join(shipped_folders())}"


def _folder_name(file: Path) -> str:
    import re  # noqa: PLC0415 -- only here

    return re.sub(r"[^\w.-]+", "-", file.absolute().parent.name).strip("-.") or "study"
