"""``weigh serve --check`` and ``--explain``: a configuration looked at without serving it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import USAGE, printable, say
from weighbridge.cli.options import print_json

if TYPE_CHECKING:
    from weighbridge.verbs.explain import Explained


def show_check(config: Path, *, port: int | None, as_json: bool) -> None:
    """Say what is right and what is wrong; every fault ends in exit code 2."""
    from weighbridge.verbs import check  # noqa: PLC0415 -- not needed for --help

    report = check.check(config, port=port)
    if as_json:
        print_json(check.to_json(report))
        if report.faults:
            click.get_current_context().exit(USAGE)
        return
    checked = report.raise_faults()
    warn(report.warnings)
    click.echo(f"{config} is right. Models: {', '.join(checked.models)}.")
    for sentence in check.summary(checked):
        click.echo(sentence)


def show_explanation(
    config: Path,
    request: str,
    *,
    path: str,
    headers: tuple[str, ...],
    key_name: str | None,
    as_json: bool,
) -> None:
    """Which route the request in the file ``request`` (``-``: standard input) would take."""
    from weighbridge.serve.config import read_config  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs import explain  # noqa: PLC0415

    checked = read_config(config)
    explained = explain.explain(
        checked,
        _body(request),
        path=path,
        headers=[_header(text) for text in headers],
        key_name=key_name,
        learned=explain.learned_route(checked, config.parent),
    )
    if as_json:
        print_json(explain.to_json(explained))
        return
    for line in _lines(explained):
        click.echo(printable(line))


def warn(sentences: tuple[str, ...]) -> None:
    """Warnings on standard error."""
    for sentence in sentences:
        say(f"Warning: {sentence}")


def _body(request: str) -> bytes:
    from weighbridge.core.errors import InputError  # noqa: PLC0415

    if request == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(request).read_bytes()
    except OSError as error:
        raise InputError(
            f"Cannot read {request}: {error.strerror}.", fix="Check the path."
        ) from None


def _header(text: str) -> tuple[str, str]:
    from weighbridge.core.errors import InputError  # noqa: PLC0415

    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise InputError(f"{text!r} is not NAME:VALUE.", fix="Write for example x-team:blue.")
    return name, value


def _lines(explained: Explained) -> list[str]:
    """The decision first, then what it rests on."""
    choice, asked = explained.choice, explained.asked
    use = ", then ".join(choice.use)
    lines = [f"Use {use}: {choice.why}." if use else f"Refused: {choice.why}."]
    length = f"about {asked.prompt_tokens:,} tokens"
    having = [
        word
        for word, is_there in (
            ("tools", asked.tools), ("a JSON schema", asked.json_schema), ("images", asked.images),
        )
        if is_there
    ]  # fmt: skip
    with_them = f", with {' and '.join(having)}" if having else ""
    task, language = explained.task or "none recognised", explained.language or "not recognised"
    lines += [
        "",
        f"Asked: {asked.path} for the model {asked.model}, {length}{with_them}.",
        f"Task: {task}. Language: {language}.",
    ]
    if explained.grant.key:
        tier = f", tier {explained.grant.tier}" if explained.grant.tier else ""
        lines.append(f"Key: {explained.grant.key}{tier}.")
    for verdict in explained.routes:
        said = "decides" if verdict.decides else "applies" if verdict.applies else "does not apply"
        lines += [
            "",
            f"routes[{verdict.route}] {said}; it uses {', '.join(verdict.use) or 'none'}.",
        ]
        if not verdict.reasons:
            lines.append("  no condition")
        for reason in verdict.reasons:
            lines.append(f"  {'yes' if reason.holds else 'no '}  {reason.asked}: {reason.seen}")
        if verdict.note:
            lines.append(f"  {verdict.note}")
    return [*lines, "", explained.assumed]
