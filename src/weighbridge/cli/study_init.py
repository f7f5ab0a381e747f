"""``weigh study init``."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.options import Integers
from weighbridge.core.errors import InputError

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
@click.option("--slo", help="Such as 'ttft_p95<2s,tpot_p95<60ms'.")
@click.option(
    "--data-may-leave/--data-stays", default=None, help="Whether hosted APIs may be used."
)
@click.option("--key-env", default="", help="Environment variable with the key of the addresses.")
@click.option("--yes", is_flag=True, help="Ask nothing: what is not given stays as it is.")
def init(
    *,
    file: Path,
    name: str | None,
    models: tuple[str, ...],
    suites: tuple[str, ...],
    machine: str | None,
    users: tuple[int, ...] | None,
    volume: str | None,
    slo: str | None,
    data_may_leave: bool | None,
    key_env: str,
    yes: bool,
) -> None:
    """Ask a few questions and write FILE (study.yaml), which `weigh study run` executes.

    \b
    Example:
      weigh study init
      weigh study init --model tally=tally.gguf --model api=https://host/v1#big --suite mine --yes
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.core.study_file import HERE  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.study.writing import Answers, new_study  # noqa: PLC0415

    _refuse_existing(file)
    if not yes:
        machine = machine or _ask_machine()
        models = models or _ask_several("A model to weigh", _MODEL)
        suites = suites or _ask_several("A suite to ask them", _shipped())
        if volume is None:
            text = "How much a day, such as 2M-tokens/day (empty if you do not know)"
            volume = click.prompt(text, default="", show_default=False, err=True)
        if slo is None:
            text = "What users expect, such as ttft_p95<2s (empty for nothing)"
            slo = click.prompt(text, default="", show_default=False, err=True)
    if not models:
        raise InputError("No model is named.", fix=f"Give --model {_MODEL}.")
    answers = Answers(
        name=name or _folder_name(file),
        models=models,
        suites=suites,
        machine=machine or HERE,
        users=users or (1, 8),
        volume=volume or "",
        slo=slo or "",
        data_may_leave=data_may_leave,
        key_env=key_env,
    )
    new_study(answers, file)
    click.echo(f"Wrote {file}. Next: weigh study run {file}")


def _refuse_existing(file: Path) -> None:
    """Before any question is asked."""
    if file.exists():
        raise InputError(
            f"{file} is there already and is left alone.", fix="Name another file, or move it away."
        )


def _ask_machine() -> str:
    from weighbridge.core.study_file import HERE  # noqa: PLC0415 -- not for --help
    from weighbridge.facts.devices.detect import detect  # noqa: PLC0415 -- asks drivers

    found = detect().machine
    label = found.label if found is not None else "not known well enough to plan with"
    click.echo(f"This machine: {label}.", err=True)
    text = "What is to serve: `here`, or a line such as 1x L40S"
    answer: str = click.prompt(text, default=HERE, err=True)
    return answer


def _ask_several(what: str, how: str) -> tuple[str, ...]:
    """Answers until an empty one."""
    found: list[str] = []
    click.echo(f"{what}: {how}. An empty line ends the list.", err=True)
    while answer := click.prompt(what, default="", show_default=False, err=True):
        found.append(answer)
    return tuple(found)


def _shipped() -> str:
    from weighbridge.verbs.suites import shipped_folders  # noqa: PLC0415 -- not for --help

    return f"its folder, or one of {', '.join(shipped_folders())}"


def _folder_name(file: Path) -> str:
    import re  # noqa: PLC0415 -- only here

    return re.sub(r"[^\w.-]+", "-", file.absolute().parent.name).strip("-.") or "study"
