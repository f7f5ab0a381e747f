"""Answers that are files: written, then compiled and tested by a command, in the sandbox."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any, Literal

import msgspec

from weighbridge.core.errors import ConfigError
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.code import blocks_of
from weighbridge.measure.evals.scoring import Answer, Kind, Means, Score
from weighbridge.measure.sandbox.interpreter import interpreter
from weighbridge.measure.sandbox.jail import SCRATCH
from weighbridge.measure.sandbox.limits import MIB, Ended, Limits
from weighbridge.measure.sandbox.sandbox import Program, Sandbox
from weighbridge.measure.sandbox.self_test import open_sandbox
from weighbridge.measure.sandbox.tools import Tools, find_tools

_SHOWN = 300
_TEST = re.compile(r"\bfunction\s+(test\w*)\s*\(")


class CommandOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Options of ``command``.

    Attributes:
        command: program and arguments.
        answer: the file into which the answer's code is written.
        files: further files, by path; an item's own stand in its ``files``.
        tools: what the command needs of this machine: ``solidity``, or names of its programs.
        report: how the verdict is read: ``exit`` takes status 0, ``forge`` its JSON of tests.
        forbidden: regular expressions that no honest answer matches.
        timeout_s: longest time.
        memory_mib: memory of all its processes together.
        processes: processes and threads at once.
    """

    command: tuple[str, ...]
    answer: str
    files: dict[str, str] = {}
    tools: str | tuple[str, ...] = ""
    report: Literal["exit", "forge"] = "exit"
    forbidden: tuple[str, ...] = ()
    timeout_s: float = 60.0
    memory_mib: int = 2048
    processes: int = 128

    @property
    def limits(self) -> Limits:
        """As the sandbox takes them."""
        return Limits(
            wall_s=self.timeout_s,
            cpu_s=math.ceil(self.timeout_s),
            memory_bytes=None,
            total_memory_bytes=self.memory_mib * MIB,
            processes=self.processes,
        )


class ForgeTest(msgspec.Struct):
    """One test in forge's report."""

    status: str
    reason: str | None = None


class _ForgeContract(msgspec.Struct):
    test_results: dict[str, ForgeTest] = {}


def program_of(text: str, item: Item, options: CommandOptions, tools: Tools) -> Program:
    """What is run for an answer."""
    own: Mapping[str, str] = item.fields.get("files", {})
    code = max(blocks_of(text), key=len, default=text)
    # The answer first: no file of the suite can be replaced by it.
    texts = {options.answer: code, **options.files, **own}
    files = {path: content.encode(errors="replace") for path, content in texts.items()}
    return Program(
        command=options.command,
        files=files | dict(tools.files),
        limits=options.limits,
        mounts=tools.mounts,
        environment=tools.environment,
    )


def judged(ended: Ended, item: Item, options: CommandOptions) -> Score:
    """The score that an ending means."""
    if ended.ending != "finished":
        return _wrong(ended.ending, f"stopped after {ended.wall_s:.1f} s", ended)
    if options.report == "forge":
        return _forge_score(ended, item)
    if ended.status == 0:
        return Score(True, 1.0, notes=_notes("passed", ended))
    return _wrong("exit", f"status {ended.status}: {_last(ended)}", ended)


def _forge_score(ended: Ended, item: Item) -> Score:
    """Every test that the item's files define must be in the report, with success."""
    wanted = {
        name for text in item.fields.get("files", {}).values() for name in _TEST.findall(text)
    }
    try:
        report = msgspec.json.decode(ended.stdout, type=dict[str, _ForgeContract])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _wrong("compile", _complaint_of(ended), ended)
    found = {
        name.partition("(")[0]: test
        for contract in report.values()
        for name, test in contract.test_results.items()
    }
    passed = {name for name in wanted if name in found and found[name].status == "Success"}
    if wanted and passed == wanted:
        return Score(True, 1.0, notes=_notes("passed", ended))
    failed = sorted(wanted - passed)
    first = found.get(failed[0]) if failed else None
    why = "did not run" if first is None else first.reason or first.status
    detail = (
        f"{len(failed)} of {len(wanted)} tests fail; {failed[0]}: {why}" if failed else "no tests"
    )
    score = len(passed) / len(wanted) if wanted else 0.0
    return Score(False, score, detail[:_SHOWN], _notes("assertion", ended))


def _complaint_of(ended: Ended) -> str:
    text = (ended.stdout + b"\n" + ended.stderr).decode(errors="replace")
    errors = [
        line.strip() for line in text.splitlines() if "Error" in line and "failed" not in line
    ]
    return (errors[0] if errors else _last(ended))[:_SHOWN]


def _last(ended: Ended) -> str:
    lines = (ended.stdout + b"\n" + ended.stderr).decode(errors="replace").strip().splitlines()
    return lines[-1][:_SHOWN] if lines else "no output"


def _notes(reason: str, ended: Ended) -> dict[str, Any]:
    return {"reason": reason, "seconds": round(ended.wall_s, 3)}


def _wrong(reason: str, detail: str, ended: Ended) -> Score:
    return Score(False, 0.0, f"{reason}: {detail}", _notes(reason, ended))


class _Command:
    """Runs a command for each answer, as many at once as there are workers."""

    def __init__(self, sandbox: Sandbox, options: CommandOptions, tools: Tools) -> None:
        self._sandbox = sandbox
        self._options = options
        self._tools = tools
        self._workers = ThreadPoolExecutor(sandbox.slots, thread_name_prefix="sandbox")

    async def score(self, item: Item, answer: Answer) -> Score:
        """Run the command on the answer."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, self._judge, item, answer.text)

    async def close(self) -> None:
        """End the workers."""
        self._workers.shutdown(cancel_futures=True)

    def _judge(self, item: Item, text: str) -> Score:
        return judge_command(self._sandbox, item, text, self._options, self._tools)


def judge_command(
    sandbox: Sandbox, item: Item, text: str, options: CommandOptions, tools: Tools
) -> Score:
    """Write the answer, run the command, read its verdict.

    Raises:
        SandboxError: the sandbox failed.
        ConfigError: the suite's command cannot be run, whatever the answer.
    """
    program = program_of(text, item, options, tools)
    code = program.files[options.answer].decode(errors="replace")
    for pattern in options.forbidden:
        if re.search(pattern, code, re.IGNORECASE | re.MULTILINE):
            detail = f"forbidden: the answer matches {pattern}"
            return Score(False, 0.0, detail, {"reason": "forbidden"})
    ended = sandbox.run(program)
    if ended.not_run and not _is_answers(options):
        raise _not_there(options.command[0], ended.not_run)
    return judged(ended, item, options)


def _is_answers(options: CommandOptions) -> bool:
    """Whether what is run is the answer itself, which then is at fault."""
    return PurePosixPath(options.command[0]) == PurePosixPath(options.answer)


def _not_there(name: str, why: str) -> ConfigError:
    tool = PurePosixPath(name).name
    return ConfigError(
        f"The suite's command {name} cannot be run in the sandbox: {why}.",
        fix=f"Name the programs that it needs of this machine: `tools: [{tool}]`.",
    )


def check_command(sandbox: Sandbox, options: CommandOptions, tools: Tools) -> None:
    """See that the command's program is there before a model is asked.

    Raises:
        ConfigError: it is not.
    """
    name = options.command[0]
    written = {*options.files, options.answer, *tools.files}
    if "/" in name and (not name.startswith("/") or name.startswith(f"{SCRATCH}/")):
        return  # a file of the suite's, of an item's, or one that is made on the way
    if name in written:
        return
    look = f"import shutil, sys; sys.exit(shutil.which({name!r}) is None)"
    limits = options.limits
    python = (interpreter().program, "-I", "-S", "-c", look)
    ended = sandbox.run(
        Program(python, limits=limits, mounts=tools.mounts, environment=tools.environment)
    )
    if ended.status != 0:
        raise _not_there(name, "there is no such program")


def _complaint(item: Item, options: CommandOptions) -> str:
    files = item.fields.get("files", {})
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        return "`files` must be an object of texts by path"
    bad = [path for path in files if not _is_inside(path)]
    if bad:
        return f"`files` may not have the path {bad[0]!r}"
    if options.report == "forge" and not any(map(_TEST.search, files.values())):
        return "`files` must have a file with functions whose names begin with `test`"
    return ""


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path)
    return bool(parts.name) and not parts.is_absolute() and ".." not in parts.parts


def _check(_: SuiteFile, options: CommandOptions) -> str:
    if not options.command:
        return "`options`: `command` must name a program."
    bad = [path for path in (options.answer, *options.files) if not _is_inside(path)]
    if bad:
        return f"`options`: {bad[0]!r} is no path below the scratch folder."
    if not options.timeout_s > 0 or options.memory_mib < 64 or options.processes < 1:
        return "`options`: `timeout_s`, `memory_mib` (64 or more) and `processes` must be above 0."
    try:
        for pattern in options.forbidden:
            re.compile(pattern)
    except re.error as error:
        return f"`options`: `forbidden` has no regular expression: {error}."
    return ""


def _make(_: SuiteFile, options: CommandOptions, means: Means) -> _Command:
    tools = find_tools(options.tools)  # what is missing is told before a model is asked
    sandbox = open_sandbox(means.workers)
    check_command(sandbox, options, tools)
    return _Command(sandbox, options, tools)


COMMAND = Kind(
    CommandOptions,
    _make,
    _complaint,
    needs_answer=False,
    reads=lambda _: ("files",),
    slow=True,
    check=_check,
)
