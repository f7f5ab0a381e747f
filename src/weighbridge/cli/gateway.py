"""``weigh gateway``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from weighbridge.cli.diagnostics import run_async, say
from weighbridge.cli.options import Seconds, json_option, print_json, workspace_option
from weighbridge.core.gateway_admin import Action

if TYPE_CHECKING:
    from weighbridge.core.gateway_admin import ActionAnswer, ReloadAnswer
    from weighbridge.verbs.gateway_state import AdminPort

_CommandT = TypeVar("_CommandT", bound=Callable[..., Any])

_EXAMPLES = """\b
Example:
  weigh gateway --watch
  weigh gateway start tally --wait 60
  weigh gateway stop tally
  weigh gateway reload
  weigh gateway http://127.0.0.1:8081 --json
  weigh gateway stop tally --gateway http://127.0.0.1:8081

The address may stand behind any of them, with or without `--gateway`.
`start`, `stop`, `sleep` and `reload` have a `--help` of their own."""


class _Unnamed(click.Context):
    """The context of a command whose word nobody writes."""

    @property
    def command_path(self) -> str:
        """As a user writes it."""
        return self.parent.command_path if self.parent else super().command_path


class _Show(click.Command):
    context_class = _Unnamed


class Gateway(click.Group):
    """The actions are words of their own; everything else shows the gateway."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in the word that nobody needs to write."""
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)
        args = _word_first(args)
        is_word = args[:1] and args[0] in _WORDS
        return super().parse_args(ctx, args if is_word else ["show", *args])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may follow ``gateway``: what may follow the unwritten word, and the others."""
        inner = show.make_context("show", [], parent=ctx, resilient_parsing=True)
        own = [CompletionItem(word) for word in _WORDS if word.startswith(incomplete)]
        return own + show.shell_complete(inner, incomplete)


def _word_first(args: list[str]) -> list[str]:
    """An address before the word goes behind it: ``URL stop tally`` is ``stop tally URL``."""
    ahead = 2 if args[:1] == ["--gateway"] else 1
    if len(args) <= ahead or args[ahead] not in _WORDS or "://" not in args[ahead - 1]:
        return args
    return [args[ahead], *args[ahead + 1 :], "--gateway", args[ahead - 1]]


_url_argument = click.argument("url", required=False)
_gateway_option = click.option(
    "--gateway", "named", metavar="URL", help="The same as URL: instead of the workspace's own."
)
_key_option = click.option(
    "--key",
    envvar="WEIGHBRIDGE_ADMIN_KEY",
    help="Admin key, for a main port; better in the variable WEIGHBRIDGE_ADMIN_KEY.",
)


def _action_options(command: _CommandT) -> _CommandT:
    options = [
        _url_argument,
        _gateway_option,
        _key_option,
        json_option,
        workspace_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(cls=_Show, epilog=_EXAMPLES)
@_url_argument
@click.option("--watch", is_flag=True, help="Again every second, until ctrl-C.")
@_gateway_option
@_key_option
@json_option
@workspace_option
def show(
    *,
    url: str | None,
    watch: bool,
    named: str | None,
    key: str | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Print how a running gateway is doing: its models, figures, routes and budgets.

    URL is the address of its admin port. Without it, the gateway is shown that `weigh serve` runs
    in this folder with `admin` in its configuration.
    """
    port = _port(workspace, url, named, key)
    try:
        run_async(_show(port, watch=watch, as_json=as_json), interrupted="")
    except KeyboardInterrupt:
        if not watch:
            raise


async def _show(port: AdminPort, *, watch: bool, as_json: bool) -> None:
    import asyncio  # noqa: PLC0415 -- not for --help
    import json  # noqa: PLC0415

    from weighbridge.cli.gateway_print import print_gateway  # noqa: PLC0415
    from weighbridge.verbs import gateway_state as verb  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    async with Client() as client:
        while True:
            view = await verb.state(client, port)
            if as_json and watch:  # a line each, for whoever reads them one by one
                click.echo(json.dumps(verb.to_json(view), ensure_ascii=False))
            elif as_json:
                print_json(verb.to_json(view))
            else:
                if watch:
                    click.clear()
                print_gateway(view)
            if not watch:
                return
            await asyncio.sleep(1.0)


def _acting(action: Action, summary: str) -> click.Command:
    @click.command(
        action,
        help=f"{summary}\n\n\b\nExample:\n  weigh gateway {action} tally\n"
        f"  weigh gateway {action} tally http://127.0.0.1:8081",
    )
    @click.argument("model", metavar="MODEL")
    @click.option(
        "--wait",
        type=Seconds(),
        default=600.0,
        show_default="600",
        help="Seconds to wait until it is done; it goes on without us.",
    )
    @_action_options
    def command(
        *,
        model: str,
        wait: float,
        url: str | None,
        named: str | None,
        key: str | None,
        as_json: bool,
        workspace: Path,
    ) -> None:
        port = _port(workspace, url, named, key)
        _tell(_act(port, model, action, min(wait, 600.0)), as_json=as_json)

    return command


async def _act(port: AdminPort, model: str, action: Action, wait_s: float) -> ActionAnswer:
    from weighbridge.verbs import gateway_state as verb  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    async with Client() as client:
        return await verb.act(client, port, model, action, wait_s)


@click.command()
@_action_options
def reload(
    *, url: str | None, named: str | None, key: str | None, as_json: bool, workspace: Path
) -> None:
    """Have the gateway read its configuration anew; a wrong one is refused, the old one stays.

    \b
    Example:
      weigh gateway reload
      weigh gateway reload http://127.0.0.1:8081
    """  # noqa: D301 -- \b is click's mark, not an escape
    _tell(_reload(_port(workspace, url, named, key)), as_json=as_json)


async def _reload(port: AdminPort) -> ReloadAnswer:
    from weighbridge.verbs import gateway_state as verb  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    async with Client() as client:
        return await verb.reload(client, port)


def _port(workspace: Path, url: str | None, named: str | None, key: str | None) -> AdminPort:
    from weighbridge.verbs import gateway_state as verb  # noqa: PLC0415 -- not for --help

    if url is not None and named is not None:
        raise click.UsageError("Name the gateway once: as URL, or with --gateway URL.")
    return verb.needed_port(workspace, url or named, key)


def _tell(work: Any, *, as_json: bool) -> None:  # noqa: ANN401 -- a coroutine of either answer
    from weighbridge.verbs import gateway_state as verb  # noqa: PLC0415

    answer: ActionAnswer | ReloadAnswer = run_async(work)
    if as_json:
        print_json(verb.to_json(answer))
    else:
        say(answer.sentence)


start = _acting("start", "Start or wake MODEL's engine.")
stop = _acting("stop", "Stop MODEL's engine once its answers under way are complete.")
sleep = _acting("sleep", "Put MODEL's engine to sleep (vLLM with `sleep`); stop any other.")
_WORDS = {"start": start, "stop": stop, "sleep": sleep, "reload": reload}

command = Gateway("gateway", commands={"show": show, **_WORDS}, help=show.help, epilog=_EXAMPLES)
