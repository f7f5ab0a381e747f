"""``weigh rate start``, ``judge``, ``status``, ``invite`` and ``close``."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import printable, run_async, say
from weighbridge.cli.options import Seconds, json_option, key_option, print_json, workspace_option
from weighbridge.core.counting import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weighbridge.core.endpoint import Endpoint
    from weighbridge.core.rating_session import Rater
    from weighbridge.verbs.rate_start import JudgedAll, Started, StartSettings

_KEPT = "Interrupted. The answers so far are kept; the same command goes on from there."


@click.command("start")
@click.option(
    "--inputs",
    type=click.Path(path_type=Path),
    required=True,
    help="JSONL with id and prompt a line, or the folder of `weigh traffic sample --output`.",
)
@click.option("--models", required=True, metavar="A,B,C", help="Models, or NAME=URL,NAME=URL.")
@click.option("--url", help="Where models without an address of their own answer.")
@click.option("--rater", "raters", multiple=True, help="Who rates; may be given again.")
@click.option("--ballots", type=click.IntRange(1), help="Ballots per rater; one per input if not.")
@click.option("--seed", type=int, help="Of sides and order; by default nobody knows it.")
@click.option(
    "--max-tokens", type=click.IntRange(1), default=1024, show_default=True, help="Longest answer."
)
@click.option("--temperature", type=float, help="By default the server's own.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=4, show_default=True, help="Per model."
)
@click.option("--timeout", type=Seconds(), default=600.0, show_default=True, help="For one answer.")
@click.option("--serve/--no-serve", default=True, help="Show the page when all is answered.")
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Address of the page; 0.0.0.0 for raters on other machines.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), default=8500, show_default=True,
              help="Port of the page.")  # fmt: skip
@click.option("--public", metavar="URL", help="By which raters call, where a proxy is in front.")
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser.")
@key_option
@json_option
@workspace_option
@click.pass_context
def start(
    context: click.Context,
    *,
    inputs: Path,
    models: str,
    url: str | None,
    raters: tuple[str, ...],
    ballots: int | None,
    seed: int | None,
    max_tokens: int,
    temperature: float | None,
    concurrency: int,
    timeout: float,
    serve: bool,
    host: str,
    port: int,
    public: str | None,
    open_browser: bool,
    key: str | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Let models answer inputs of yours, then show the answers side by side, blind.

    Before anybody rates it says what so many ballots can and cannot detect. What an interrupted
    start has answered is not asked again.

    \b
    Example:
      weigh rate start --inputs sample.jsonl --url http://127.0.0.1:8080 --models A,B,C
      weigh rate start --inputs sample/ --models A=http://h1:8000,B=http://h2:8000 --rater Ada
      weigh rate start --inputs sample/ --url http://h1:8000 --models A,B --host 0.0.0.0
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.measure.ratings.answering import Sampling  # noqa: PLC0415
    from weighbridge.verbs import rate_start as verb  # noqa: PLC0415

    settings = verb.StartSettings(
        raters=raters or ("rater",), ballots=ballots, seed=seed,
        sampling=Sampling(max_tokens, temperature), concurrency=concurrency, timeout_s=timeout,
    )  # fmt: skip
    site = _site(host, port, public, serve=serve)
    endpoints = verb.endpoints_of(models, url, key)
    found = _started(workspace, inputs, endpoints, settings)
    if as_json:
        print_json(_started_json(found))
        return
    _show_started(found, site)
    if serve:
        from weighbridge.cli import ui  # noqa: PLC0415

        if open_browser:
            _open_soon(f"{site}{_link(found.raters[0])}")
        context.invoke(
            ui.command, host=host, port=port, token=None, gateway=None, public=public,
            open_browser=False, workspace=workspace,
        )  # fmt: skip


def _site(host: str, port: int, public: str | None, *, serve: bool) -> str:
    """What raters' links begin with; nothing where it is not known who will serve them."""
    from weighbridge.cli.ui import public_origin  # noqa: PLC0415

    if public:
        return public_origin(public)
    if not serve:
        return ""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104 -- compared
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _started(
    workspace: Path, inputs: Path, endpoints: Mapping[str, Endpoint], settings: StartSettings
) -> Started:
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415
    from weighbridge.verbs import rate_start as verb  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    async def work() -> Started:
        with progress_display() as progress:
            async with Client() as client:
                return await verb.start(
                    workspace, client, SystemClock(), inputs, endpoints,
                    settings=settings, progress=progress,
                )  # fmt: skip

    return run_async(work(), interrupted=_KEPT)


def _show_started(found: Started, site: str) -> None:
    from weighbridge.verbs.rate import power_sentence  # noqa: PLC0415

    info = found.info
    click.echo(
        printable(
            f"{info.id}: {counted(found.answers, 'answer')} of "
            f"{counted(len(info.models), 'model')} to {counted(info.inputs, 'input')}; "
            f"{counted(info.target, 'ballot')} per rater, over "
            f"{counted(found.pairs, 'pair')} of models."
        )
    )
    click.echo(power_sentence(found.power))
    for note in found.notes:
        say(f"Note: {note}")
    for rater in found.raters:
        at = "" if site else " of `weigh ui`"
        click.echo(printable(f"{rater.name} rates at {site}{_link(rater)}{at}"))


def _open_soon(url: str) -> None:
    """Open the browser once the server, which keeps this thread, has had time to listen."""
    import threading  # noqa: PLC0415

    timer = threading.Timer(1.0, click.launch, (url,))
    timer.daemon = True
    timer.start()


def _link(rater: Rater) -> str:
    return f"/rate/by/{rater.token}"


def _started_json(found: Started) -> dict[str, object]:
    return {
        "rating": found.info.id,
        "models": list(found.info.models),
        "inputs": found.info.inputs,
        "answers": found.answers,
        "ballots": found.info.target,
        "pairs": found.pairs,
        "power": {
            "ballots": found.power.ballots,
            "wins_needed": found.power.wins,
            "detectable_win_rate": found.power.rate,
        },
        "raters": [{"rater": one.name, "path": _link(one)} for one in found.raters],
        "resumed": found.resumed,
        "notes": list(found.notes),
    }


@click.command("judge")
@click.argument("rating", required=False)
@click.option("--url", required=True, help="Where the judging model answers.")
@click.option("--model", required=True, help="Its name there.")
@click.option("--only-rated", is_flag=True, help="Judge only what people have judged.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=4, show_default=True, help="Judged at once."
)
@click.option(
    "--max-tokens", type=click.IntRange(1), default=1024, show_default=True,
    help="Longest judgement.",
)  # fmt: skip
@key_option
@json_option
@workspace_option
def judge(
    *,
    rating: str | None,
    url: str,
    model: str,
    only_rated: bool,
    concurrency: int,
    max_tokens: int,
    key: str | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Let a model vote beside the people, asked in both orders of the answers.

    Where its orders contradict each other it is a tie, counted as inconsistent. Results show it
    apart, with its agreement with the people.

    \b
    Example:
      weigh rate judge --url http://127.0.0.1:8000 --model big --only-rated
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415
    from weighbridge.core.endpoint import endpoint_at  # noqa: PLC0415
    from weighbridge.verbs import rate_start as verb  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    async def work() -> JudgedAll:
        with progress_display() as progress:
            async with Client() as client:
                return await verb.judge(
                    workspace, client, SystemClock(), rating, endpoint_at(url, model, key),
                    only_rated=only_rated, concurrency=concurrency, max_tokens=max_tokens,
                    progress=progress,
                )  # fmt: skip

    found = run_async(work(), interrupted="Interrupted. The votes so far are kept.")
    if as_json:
        print_json(_judged_json(found))
        return
    judged = counted(found.judged - found.missing, "comparison")
    click.echo(printable(f"{found.info.id}: {model} judged {judged}."))
    if found.missing:
        times = counted(found.missing, "time")
        say(f"{times} it gave no verdict, and that is no vote.")
    for note in found.notes:
        say(printable(f"Note: {note}"))


def _judged_json(found: JudgedAll) -> dict[str, object]:
    return {
        "rating": found.info.id,
        "judge": found.judge,
        "judged": found.judged - found.missing,
        "missing": found.missing,
        "notes": list(found.notes),
    }


@click.command("status")
@click.argument("rating", required=False)
@json_option
@workspace_option
def status(*, rating: str | None, as_json: bool, workspace: Path) -> None:
    """Say how far each rater of RATING is.

    \b
    Example:
      weigh rate status
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import rate_start as verb  # noqa: PLC0415

    found = verb.status(workspace, rating)
    info = found.info
    if as_json:
        print_json(
            {
                "rating": info.id,
                "state": info.state,
                "ballots": found.total,
                "raters": [
                    {"rater": one.name, "given": n, "path": _link(one) if one.token else None}
                    for one, n in found.raters
                ],
                "judges": dict(found.judged),
            }
        )
        return
    click.echo(
        printable(
            f"{info.id}, {info.state}: {counted(len(info.models), 'model')}, "
            f"{counted(info.inputs, 'input')}."
        )
    )
    for one, given in found.raters:
        of = f" of {found.total}, at {_link(one)}" if one.token else ""
        click.echo(printable(f"{one.name or 'unnamed'}: {given}{of}"))
    for name, given in found.judged.items():
        click.echo(printable(f"The judge {name}: {given}"))


@click.command("invite")
@click.argument("rater")
@click.option("--rating", help="Which; by default the newest.")
@json_option
@workspace_option
def invite(*, rater: str, rating: str | None, as_json: bool, workspace: Path) -> None:
    """Print the link by which RATER votes.

    \b
    Example:
      weigh rate invite Ada
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import rate_start as verb  # noqa: PLC0415

    info, made = verb.invite(workspace, rating, rater)
    if as_json:
        print_json({"rating": info.id, "rater": made.name, "path": _link(made)})
        return
    click.echo(printable(f"{made.name} rates {info.id} at {_link(made)} of `weigh ui`."))


@click.command("close")
@click.argument("rating", required=False)
@json_option
@workspace_option
def close(*, rating: str | None, as_json: bool, workspace: Path) -> None:
    """End RATING: no vote is taken any more, and raters may see the results.

    \b
    Example:
      weigh rate close
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import rate_start as verb  # noqa: PLC0415

    info = verb.close(workspace, rating)
    if as_json:
        print_json({"rating": info.id, "state": info.state, "closed": info.closed})
        return
    click.echo(printable(f"{info.id} is closed."))
