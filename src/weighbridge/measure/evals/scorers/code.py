"""Answers that are Python: run against functional tests, in the sandbox."""

from __future__ import annotations

import asyncio
import math
import re
from concurrent.futures import ThreadPoolExecutor

import msgspec

from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scoring import Answer, Kind, Means, Score
from weighbridge.measure.sandbox.functions import Judged, Task, judge_functions
from weighbridge.measure.sandbox.interpreter import package_mounts
from weighbridge.measure.sandbox.limits import MIB, Limits
from weighbridge.measure.sandbox.sandbox import Sandbox
from weighbridge.measure.sandbox.self_test import open_sandbox

_FENCE = re.compile(
    r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)


class CodeOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Options of ``code``.

    Attributes:
        timeout_s: longest time for an answer's tests, all of them together.
        memory_mib: address space of the answer, and of its tests.
        given: the field with what the answer goes on from, if there is one: its definitions are the
            task's, not the answer's.
        packages: installed Python packages that tests and answers may import.
        beside: run tests in the answer's own process; see docs/sandbox.md for what that gives away.
    """

    timeout_s: float = 10.0
    memory_mib: int = 512
    given: str = "given"
    packages: tuple[str, ...] = ()
    beside: bool = False

    @property
    def limits(self) -> Limits:
        """As the sandbox takes them."""
        return Limits(
            wall_s=self.timeout_s,
            cpu_s=math.ceil(self.timeout_s),
            memory_bytes=self.memory_mib * MIB,
            total_memory_bytes=2 * self.memory_mib * MIB,
        )


def blocks_of(text: str) -> list[str]:
    """The fenced blocks of an answer.

    A fence that never ends, as of an answer cut short, goes to the end.
    """
    return [match[2] for match in _FENCE.finditer(text)]


def code_of(text: str, defines: str = "") -> str:
    """The code in an answer: its first block that defines the name, else the first, else all."""
    blocks = blocks_of(text)
    if not blocks:
        return text
    return next((block for block in blocks if defines and _defines(block, defines)), blocks[0])


def _defines(code: str, name: str) -> bool:
    known = re.escape(name)
    pattern = rf"^(?:async\s+)?(?:def|class)\s+{known}\b|^{known}\s*="
    return re.search(pattern, code, re.MULTILINE) is not None


def whole_program(given: str, text: str, entry_point: str) -> str:
    """The program that an answer means: by itself, or as the rest of what was given to it."""
    code = code_of(text, entry_point)
    if not given:
        return code
    # What was given ends within a function; an answer that defines it anew only needs the helpers.
    return f"{given}\n\n{code}" if _defines(code, entry_point) else f"{given}{code}"


def task_of(item: Item, options: CodeOptions) -> Task:
    """The tests of an item."""
    test = item.fields["test"]
    return Task(
        test=test if isinstance(test, str) else "\n".join(test),
        entry_point=item.fields.get("entry_point", ""),
        given=item.fields.get(options.given, ""),
        beside=options.beside,
        packages=options.packages,
    )


class _Code:
    """Runs answers, as many at once as there are workers."""

    def __init__(self, sandbox: Sandbox, options: CodeOptions) -> None:
        self._sandbox = sandbox
        self._options = options
        self._workers = ThreadPoolExecutor(sandbox.slots, thread_name_prefix="sandbox")

    async def score(self, item: Item, answer: Answer) -> Score:
        """Run the answer's tests."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, self._judge, item, answer.text)

    async def close(self) -> None:
        """End the workers."""
        self._workers.shutdown(cancel_futures=True)

    def _judge(self, item: Item, text: str) -> Score:
        task = task_of(item, self._options)
        source = whole_program(task.given, text, task.entry_point)
        return as_score(judge_functions(self._sandbox, source, task, self._options.limits))


def as_score(judged: Judged) -> Score:
    """A judgement with the reason of a failure before its detail."""
    notes = {"reason": judged.reason, "seconds": round(judged.wall_s, 3)}
    if judged.passed:
        return Score(correct=True, value=1.0, notes=notes)
    return Score(False, 0.0, f"{judged.reason}: {judged.detail}", notes)


def _complaint(item: Item, options: CodeOptions) -> str:
    test = item.fields.get("test")
    is_list = isinstance(test, list) and all(isinstance(line, str) for line in test)
    if not test or not (isinstance(test, str) or is_list):
        return "`test` must be Python with assertions, as one string or a list of lines"
    for name in ("entry_point", options.given):
        if not isinstance(item.fields.get(name, ""), str):
            return f"`{name}` must be a string"
    return ""


def _check(_: SuiteFile, options: CodeOptions) -> str:
    if not options.timeout_s > 0 or options.memory_mib < 64:
        return "`options`: `timeout_s` must be above 0 and `memory_mib` at least 64."
    return ""


def _make(_: SuiteFile, options: CodeOptions, means: Means) -> _Code:
    package_mounts(options.packages)  # a package that is missing is told before a model is asked
    return _Code(open_sandbox(means.workers), options)


def _reads(options: CodeOptions) -> tuple[str, ...]:
    return ("test", "entry_point", options.given)


CODE = Kind(
    CodeOptions, _make, _complaint, needs_answer=False, reads=_reads, slow=True, check=_check
)
