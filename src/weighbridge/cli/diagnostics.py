"""Exit codes and standard error: the one place that turns what happened into what a shell sees.

0 ok · 1 the answer is "no" · 2 usage or bad input · 3 an external thing failed · 4 the data cannot
tell · 130 interrupted.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from weighbridge.core.errors import ExternalError, InputError, WeighbridgeError

OK, NO, USAGE, EXTERNAL, UNDECIDED, INTERRUPTED = 0, 1, 2, 3, 4, 130

ResultT = TypeVar("ResultT")


def run_async(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run a verb on uvloop. SIGINT, SIGTERM and SIGHUP cancel it, so that its clean-up runs."""
    import uvloop  # noqa: PLC0415 -- not needed for --help

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_cancellable(work))


async def _cancellable(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def guarded(main: Callable[[], Any], *, debug: bool) -> int:
    """Call ``main`` and translate every outcome into an exit code and, if need be, a sentence."""
    try:
        code = main()
    except click.exceptions.Exit as done:
        return int(done.exit_code)
    except click.ClickException as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted. What was finished is kept; the same command goes on from there.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has left (`weigh runs | head`): nothing to say, nobody to hear.
        sys.stdout = None
        return OK
    except WeighbridgeError as error:
        if debug:
            raise
        say(f"Error: {error}")
        return exit_code(error)
    return code if isinstance(code, int) else OK


def exit_code(error: WeighbridgeError) -> int:
    """The exit code of an error."""
    if isinstance(error, InputError):
        return USAGE
    return EXTERNAL if isinstance(error, ExternalError) else NO


def say(sentence: str) -> None:
    """One line to standard error."""
    click.echo(sentence, err=True)
