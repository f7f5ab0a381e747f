"""The judge: runs the tests in a process of its own and calls the answer's functions in another.

The answer's process is forked before the tests are read, so that they are nowhere in its memory,
and has neither the channel to the parent nor our standard input.
"""

from __future__ import annotations

import builtins
import os

from .answer import serve
from .plain import (
    EndedError,
    NotPlainError,
    is_about_packing,
    packed,
    receive,
    send,
    trusted,
    unpacked,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to import than most answers to run
    from typing import Any

_SHOWN_CHARACTERS = 300
_BESIDE = "the option `beside: true`"


class _Verdict(BaseException):
    """What the judge says; no ``except Exception`` of a test stops it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class AnswerError(Exception):
    """An exception of the answer whose class only the answer knows."""


class _Answer:
    """The answer's process, seen from the judge."""

    __slots__ = ("calls", "last", "pid", "replies")

    def __init__(self, pid: int, calls: int, replies: int) -> None:
        self.pid = pid
        self.calls = calls
        self.replies = replies
        self.last: tuple[Any, ...] = ()

    def ask(self, name: str, arguments: Any, keywords: Any) -> Any:  # noqa: ANN401
        """One call; the reply's parts."""
        try:
            frame = packed((name, arguments, keywords))
        except Exception as error:
            if not is_about_packing(error):
                raise
            why = f"they give {name} more than plain data ({error}), which needs {_BESIDE}"
            raise _Verdict("suite", why) from None
        try:
            send(self.calls, frame)
        except (BrokenPipeError, EndedError):
            raise self._dead() from None
        return self.reply()

    def reply(self) -> Any:  # noqa: ANN401
        """What the answer's process says next."""
        try:
            return unpacked(receive(self.replies))
        except (EndedError, ConnectionResetError):
            raise self._dead() from None
        except NotPlainError as error:
            raise _more_than_data(error) from None
        except MemoryError:
            raise _Verdict("memory", "returned more than fits into memory") from None

    def _dead(self) -> _Verdict:
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            import signal  # noqa: PLC0415 -- rare

            number = os.WTERMSIG(status)
            if number == signal.SIGXCPU:
                return _Verdict("timeout", "used up its processor time")
            return _Verdict("crash", f"its process was ended by {signal.Signals(number).name}")
        return _Verdict("exit", f"ended its process with exit status {os.WEXITSTATUS(status)}")


def judge(channel: int) -> None:
    """Read the job from standard input, run it, write the verdict to the channel."""
    source = receive(0)
    to_answer, to_judge = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_answer(source, channel, to_answer, to_judge)
    os.close(to_answer[0])
    os.close(to_judge[1])
    job = trusted(receive(0))
    try:
        _run(_Answer(pid, to_answer[1], to_judge[0]), job)
    except _Verdict as verdict:
        final = verdict
    except MemoryError:
        final = _Verdict("memory", "the tests ran out of memory")
    text = f"{final.reason}\n{final.detail[: 4 * _SHOWN_CHARACTERS]}"
    os.write(channel, text.encode(errors="backslashreplace"))


def _become_answer(
    source: bytes, channel: int, calls: tuple[int, int], replies: tuple[int, int]
) -> None:
    """Never returns. What is printed goes nowhere: functions are judged by what they return."""
    try:
        os.close(channel)
        os.close(calls[1])
        os.close(replies[0])
        nowhere = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        serve(source, calls[0], replies[1])
    finally:
        os._exit(0)


def _run(answer: _Answer, job: dict[str, Any]) -> None:
    kind, *rest = answer.reply()
    if kind == "syntax":
        raise _Verdict("syntax", rest[0])
    if kind != "ready":
        raise _Verdict(_reason(rest[0]), f"{rest[0]}: {rest[1]} (before any test)")
    names = [name for name in rest[0] if isinstance(name, str)]
    entry_point = job["entry_point"]
    if entry_point and entry_point not in names:
        raise _Verdict("missing", f"there is no function {entry_point}")
    if job["beside"]:
        _beside(answer, job)
    _apart(answer, job, names)


def _beside(answer: _Answer, job: dict[str, Any]) -> None:
    """Have the tests run in the answer's own process; only who saw their end knows the secret."""
    secret = os.urandom(16)
    kind, *rest = answer.ask("", (job["test"], job["entry_point"], secret), {})
    if kind == "passed" and rest[0] == secret:
        raise _Verdict("passed")
    if kind == "assertion":
        raise _Verdict("assertion", rest[0])
    raise _Verdict(_reason(rest[0]), f"{rest[0]}: {rest[1]}")


def _apart(answer: _Answer, job: dict[str, Any], names: list[str]) -> None:
    space: dict[str, Any] = {"__name__": "tests"}
    try:
        # Helpers that the task itself gives are ours, whatever the answer made of them.
        exec(compile(job["given"], "given.py", "exec"), space)  # noqa: S102
        code = compile(job["test"], "test.py", "exec")
    except Exception as error:  # noqa: BLE001 -- the suite is broken, not the answer
        raise _Verdict("suite", f"{type(error).__name__}: {error}") from None
    # An answer that defines `zip` or `len` must not have the tests use it.
    own = {*space, *vars(builtins)} - {job["entry_point"]}
    wanted = [name for name in names if name not in own and not name.startswith("__")]
    stand_ins = {name: _stand_in(answer, name) for name in wanted}
    space |= stand_ins
    try:
        exec(code, space)  # noqa: S102
        check = space.get("check")
        # The answer may define a `check` too; only that of the tests judges.
        if check and check is not stand_ins.get("check") and job["entry_point"]:
            check(space[job["entry_point"]])
    except AssertionError as error:
        raise _Verdict("assertion", _failure(error, job["test"], answer.last)) from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001
        detail = f"{type(error).__name__}: {_failure(error, job['test'], answer.last)}"
        raise _Verdict(_reason(type(error).__name__), detail) from None
    raise _Verdict("passed")


def _stand_in(answer: _Answer, name: str) -> Any:  # noqa: ANN401
    def call(*arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401
        answer.last = (name, arguments)
        kind, *rest = answer.ask(name, arguments, keywords)
        if kind == "gave":
            result, changed = rest
            if changed is not None:
                _copy_changes((arguments, keywords), changed)
            answer.last = (name, arguments, result)
            return result
        if kind == "unsendable":
            raise _more_than_data(rest[0])
        if kind != "raised":
            raise _Verdict("crash", "did not keep to the protocol")
        raise _as_exception(str(rest[0]), str(rest[1]))

    call.__name__ = name
    return call


def _copy_changes(ours: Any, theirs: Any) -> None:  # noqa: ANN401
    """What the answer did to its arguments in place, done to ours."""
    for old, new in zip(ours[0], theirs[0], strict=True):
        _copy_change(old, new)
    for name, old in ours[1].items():
        _copy_change(old, theirs[1][name])


def _copy_change(old: Any, new: Any) -> None:  # noqa: ANN401
    if isinstance(old, list | bytearray):
        old[:] = new
    elif isinstance(old, dict | set):
        old.clear()
        old.update(new)


def _more_than_data(why: object) -> _Verdict:
    hint = f"where tests need the answer's own objects, the suite has to set {_BESIDE}"
    return _Verdict("exception", f"returned more than plain data: {why}; {hint}")


def _as_exception(name: str, message: str) -> BaseException:
    if name == "MemoryError":
        return _Verdict("memory", "ran out of memory")
    kind = getattr(builtins, name, None)
    # One that ends an iteration would end the tests' own loop, and with it all further checks.
    ends_loops = name in ("StopIteration", "StopAsyncIteration")
    if isinstance(kind, type) and issubclass(kind, Exception) and not ends_loops:
        try:
            return kind(message)
        except TypeError:  # wants more than a message, as UnicodeDecodeError
            return AnswerError(f"{name}: {message}")
    if name in ("SystemExit", "KeyboardInterrupt", "GeneratorExit"):
        return _Verdict("exit", f"raised {name} instead of returning")
    return AnswerError(f"{name}: {message}")


def _reason(exception: str) -> str:
    special = {"MemoryError": "memory", "SystemExit": "exit", "AssertionError": "assertion"}
    return special.get(exception, "exception")


def _failure(error: BaseException, test: str, last: tuple[Any, ...]) -> str:
    """Message, the test's line and the last call, as far as they are known."""
    import traceback  # noqa: PLC0415 -- half as long to import as all else here

    lines = test.splitlines()
    trace = traceback.extract_tb(error.__traceback__)
    places = [one.lineno for one in trace if one.filename == "test.py" and one.lineno]
    where = (
        lines[places[-1] - 1].strip()[:_SHOWN_CHARACTERS]
        if places and places[-1] <= len(lines)
        else ""
    )
    return "; ".join(part for part in (str(error)[:_SHOWN_CHARACTERS], where, _call(*last)) if part)


def _call(name: str = "", arguments: tuple[Any, ...] = (), *result: Any) -> str:  # noqa: ANN401
    if not name:
        return ""
    text = f"{name}({', '.join(map(_shown, arguments))})"
    return text + "".join(f" gave {_shown(one)}" for one in result)


def _shown(value: Any) -> str:  # noqa: ANN401
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 -- a number with more digits than Python writes
        return "(a value that cannot be shown)"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
