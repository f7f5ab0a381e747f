"""Exit codes and standard error: the one place that turns what happened into what a shell sees.

0 ok · 1 the answer is "no" · 2 usage or bad input · 3 an external thing failed · 4 the data cannot
tell · 70 a defect of ours · 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import click

from weighbridge.core.errors import ExternalError, InputError, WeighbridgeError

OK, NO, USAGE, EXTERNAL, UNDECIDED, DEFECT, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130

# What a write to a descriptor fails with, as opposed to opening a file or talking to a server.
_WRITE_FAILURES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}

# Two signals nearer to each other than this are one press of ctrl-C.
_SAME_PRESS_S = 0.25

ResultT = TypeVar("ResultT")


class Interrupted(KeyboardInterrupt):
    """A signal ended the work; the text says what is left of it."""


def run_async(
    work: Coroutine[Any, Any, ResultT], *, interrupted: str | Callable[[], str] = "Interrupted."
) -> ResultT:
    """Run a verb on uvloop. SIGINT, SIGTERM and SIGHUP cancel it, so that its clean-up runs.

    Who presses ctrl-C again does not want to wait for that: the process ends at once.

    Raises:
        Interrupted: by a signal; its text is ``interrupted``, or what that says by then.
    """
    import asyncio  # noqa: PLC0415

    import uvloop  # noqa: PLC0415 -- not needed for --help

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_cancellable(work))
    except KeyboardInterrupt:
        said = interrupted if isinstance(interrupted, str) else interrupted()
        raise Interrupted(said) from None


async def _cancellable(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    import asyncio  # noqa: PLC0415 -- 30 ms, which only verbs that wait need to pay

    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    first: list[float] = []

    def interrupt() -> None:
        # Programs that start us may pass ctrl-C on though the terminal has sent it already.
        if first and loop.time() - first[0] > _SAME_PRESS_S:
            say("Ended at once.")
            os._exit(INTERRUPTED)
        first.append(loop.time())
        task.cancel()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def guarded(main: Callable[[], Any], *, debug: bool) -> int:
    """Call ``main`` and translate every outcome into an exit code and, if need be, a sentence.

    With ``debug``, the traceback of an error comes before its sentence.
    """
    code = _outcome(main, debug=debug)
    try:
        _flush()
    except OSError as error:
        _drop_output()
        return code or _explained(error)
    return code


def _outcome(main: Callable[[], Any], *, debug: bool) -> int:
    stdout, stderr = sys.stdout, sys.stderr
    try:
        code = main()
        _flush()
    except click.exceptions.Exit as done:
        return int(done.exit_code)
    except click.ClickException as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort) as stopped:
        # click turns the one into the other.
        cause = stopped.__cause__ if isinstance(stopped, click.Abort) else stopped
        say(str(cause) if isinstance(cause, Interrupted) else "Interrupted.")
        return INTERRUPTED
    except SystemExit as done:
        # click and rich exit with 1 when our reader has left. click replaces both outputs before;
        # rich is still about to tell of the broken pipe.
        if sys.stdout is stdout and not isinstance(done.__context__, BrokenPipeError):
            raise
        sys.stdout, sys.stderr = stdout, stderr
        return _explained(BrokenPipeError())
    except Exception as error:  # noqa: BLE001 -- the end of the line: nobody above us
        if debug:
            import traceback  # noqa: PLC0415

            traceback.print_exc()
        return _explained(error)
    return code if isinstance(code, int) else OK


def _explained(error: Exception) -> int:
    """Say what went wrong; the exit code for it."""
    if isinstance(error, BrokenPipeError):
        # The reader of our output has left (`weigh runs | head`): nothing to say, nobody to hear.
        _drop_output()
        return OK
    if isinstance(error, WeighbridgeError):
        say(f"Error: {error}")
        return exit_code(error)
    if isinstance(error, OSError):
        if error.filename is None and error.errno in _WRITE_FAILURES:
            _drop_output()
            say(f"Error: Cannot write the output: {error.strerror}.")
        else:
            say(f"Error: The system refused: {error}.")
        return EXTERNAL
    said = " ".join(str(error).split())[:200]
    say(
        f"Error: A defect of Weighbridge ({type(error).__name__}{f': {said}' if said else ''}). "
        "Please report it with what `weigh --debug …` prints."
    )
    return DEFECT


def exit_code(error: WeighbridgeError) -> int:
    """The exit code of an error."""
    if isinstance(error, InputError):
        return USAGE
    return EXTERNAL if isinstance(error, ExternalError) else NO


@contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """What native code writes to the process's own output meanwhile is talk, not data.

    HiGHS at times prints a line of its own, past ``sys.stdout``.
    """
    try:
        kept = os.dup(1)
    except OSError:  # closed by whoever started us: nothing to keep clean
        yield
        return
    try:
        _flush_all()
        with suppress(OSError):
            os.dup2(2, 1)
        yield
    finally:
        _flush_all()
        os.dup2(kept, 1)
        os.close(kept)


def _flush_all() -> None:
    """Python's buffer of standard output, and those of C, which would be written out later."""
    import ctypes  # noqa: PLC0415 -- only where native code runs

    with suppress(OSError):
        _flush()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)


def say(sentence: str) -> None:
    """One line to standard error, if anybody can hear it."""
    with suppress(OSError):
        click.echo(printable(sentence), err=True)


def printable(text: str) -> str:
    """``text`` without what a terminal would obey: names come from servers and files."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else " " if letter.isspace() else "�"
        for letter in text
    )


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """Let what is still buffered go nowhere: its flush at the end would fail again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
