"""Functional tests of an answer: its functions are called from another process, which judges."""

from __future__ import annotations

import pickle
import signal
from dataclasses import dataclass
from typing import Literal

from weighbridge.core.errors import ConfigError
from weighbridge.measure.sandbox.inside.confine import READY
from weighbridge.measure.sandbox.limits import Ended, Ending, Limits
from weighbridge.measure.sandbox.sandbox import Program, Sandbox

Reason = Literal[
    "passed",
    "assertion",
    "exception",
    "syntax",
    "missing",
    "timeout",
    "memory",
    "exit",
    "crash",
    "files",
    "output",
]
# What the judge inside may say; tests that write to its channel can say no more than that.
_TOLD: dict[str, Reason | Literal["suite"]] = {
    "passed": "passed",
    "assertion": "assertion",
    "exception": "exception",
    "syntax": "syntax",
    "missing": "missing",
    "timeout": "timeout",
    "memory": "memory",
    "exit": "exit",
    "crash": "crash",
    "suite": "suite",
}
_ENDED: dict[Ending, tuple[Reason, str]] = {
    "timeout": ("timeout", "not done after {limits.wall_s:g} s"),
    "memory": ("memory", "all its processes together took too much memory"),
    "files": ("files", "made more than {limits.files} files"),
    "output": ("output", "printed too much"),
}
_SIGXCPU = 128 + signal.SIGXCPU


@dataclass(frozen=True, slots=True)
class Task:
    """What an answer is judged by.

    Attributes:
        test: Python that calls the answer's functions and asserts; where it defines ``check``, that
            is called with the entry point.
        entry_point: the function that must be there; empty where the tests name what they call.
        given: Python that belongs to the task: what it defines is not the answer's to change.
        beside: run the tests in the answer's own process. For tests that need its objects; an
            answer can then forge its verdict.
        packages: installed packages that the tests or answers may import.
    """

    test: str
    entry_point: str = ""
    given: str = ""
    beside: bool = False
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of an answer's tests."""

    reason: Reason
    detail: str
    wall_s: float

    @property
    def passed(self) -> bool:
        """Whether all tests ran to their end."""
        return self.reason == "passed"


def judge_functions(sandbox: Sandbox, source: str, task: Task, limits: Limits) -> Judged:
    """Run an answer's tests.

    Raises:
        SandboxError: the sandbox failed.
        ConfigError: the tests cannot be run, whatever the answer.
    """
    job = {
        "test": task.test,
        "entry_point": task.entry_point,
        "given": task.given,
        "beside": task.beside,
    }
    sent = (source.encode(errors="surrogatepass"), pickle.dumps(job))
    ended = sandbox.run(Program(("judge",), sent=sent, limits=limits, packages=task.packages))
    reason, detail = _verdict(ended, limits)
    if reason == "suite":
        raise ConfigError(
            f"The suite's own tests cannot be run: {detail}.", fix="Mend the item's `test`."
        )
    return Judged(reason, detail, ended.wall_s)


def _verdict(ended: Ended, limits: Limits) -> tuple[Reason | Literal["suite"], str]:
    told = ended.channel.removeprefix(READY).decode(errors="replace")
    reason, _, detail = told.partition("\n")
    if told and reason in _TOLD:
        return _TOLD[reason], detail
    if ended.ending in _ENDED:
        reason_of, words = _ENDED[ended.ending]
        return reason_of, words.format(limits=limits)
    if ended.status == _SIGXCPU:
        return "timeout", f"used more than {limits.cpu_s} s of processor time"
    last = "".join(ended.stderr.decode(errors="replace").strip().splitlines()[-1:])
    return "crash", f"the tests' process ended with status {ended.status} {last[:200]}".strip()
