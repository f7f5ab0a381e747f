"""HumanEval+ and MBPP+: functions to write, judged by tests that are run in the sandbox."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import msgspec

from weighbridge.core.errors import FormatError, InputError
from weighbridge.measure.evals.published.lines import Published, find, rows

_ASK = (
    "Write a Python function that does what follows. Answer with one code block that has the "
    "whole function with its imports, and nothing else.\n\n"
)
# What published tests accept or refuse against their own meaning, and what takes its place.
_MENDED = (
    # HumanEval/32 (a polynomial's zero) unpacks the number that the answer is, which no answer can
    # pass; and an answer must not be able to empty the polynomial.
    (
        re.compile(re.escape("_poly(*candidate(*inp), inp) <= 0.0001")),
        "abs(_poly(list(inp[0]), candidate(*inp))) <= 0.0001",
    ),
    # An empty list, or one of another length, is close to any number: nothing is compared.
    (
        re.compile(r"assert (?=np\.allclose\(out, exp, )"),
        "assert np.shape(out) == np.shape(exp) and ",
    ),
    # Three tests of MBPP+ compare and do nothing about it.
    (
        re.compile(r"^( +)exact_match = exp == \(out is not None\)$", re.MULTILINE),
        r"\g<0>\n    assert exact_match",
    ),
    # Where a reference computes what is expected, it must not see what the answer did to the input.
    (
        re.compile(r"\(\*inp\), ref_func\(\*inp\)"),
        "(*__import__('copy').deepcopy(inp)), ref_func(*inp)",
    ),
)
_TESTED = re.compile(r"\bassertion\(\s*(\w+)\(\*inp\)|\bassert\s+\(?\s*(?:\w+\()*?(\w+)\(\*inp\)")
_CALLED = re.compile(
    r"assert\s+(?:not\s+)?\(?(?:set|sorted|tuple|list|round|math\.isclose|\s|\()*(\w+)\("
)


class _HumanEval(msgspec.Struct):
    task_id: str | int
    prompt: str
    canonical_solution: str
    entry_point: str
    test: str


class _Mbpp(msgspec.Struct):
    task_id: str | int
    prompt: str
    code: str
    test: str
    test_list: Annotated[list[str], msgspec.Meta(min_length=1)]
    test_imports: list[str] = []


def humaneval_plus(path: Path) -> Published:
    """The OriginFmt file, whose tests carry inputs and expected results."""
    file = find(path, ("HumanEvalPlus-OriginFmt.jsonl*", "HumanEval.jsonl*"))
    tasks = rows(file, _HumanEval, _without_results)
    items = [
        {
            "id": str(row.task_id),
            "prompt": row.prompt,
            # Some prompts define helpers, which an answer need not repeat.
            "given": row.prompt,
            "entry_point": row.entry_point,
            "test": mended(row.test),
            "solution": row.prompt + row.canonical_solution,
        }
        for _, row in tasks
    ]
    # Of the two releases that can be read, only this one lists its inputs.
    is_plus = all("inputs = " in row.test for _, row in tasks)
    settings = {
        "name": "humaneval-plus" if is_plus else "humaneval",
        "description": "Python functions from signature and docstring, with functional tests.",
        "prompt": _ASK + "```python\n{prompt}```",
        "scorer": "code",
        "options": {
            "packages": ["numpy"],
            "given": "prompt",
            "timeout_s": 60,
            "memory_mib": 1024,
        },
        "max_tokens": 1024,
        "source": "evalplus/humanevalplus_release; openai/human-eval",
        "license": "Apache-2.0; MIT",
    }
    return Published(settings, items, [where for where, _ in tasks])


def mbpp_plus(path: Path) -> Published:
    """The OriginFmt file; prompts show the first published test, from which names are known."""
    file = find(path, ("MbppPlus-OriginFmt.jsonl*",))
    tasks = rows(file, _Mbpp, _without_results)
    items = [
        {
            "id": f"mbpp-{row.task_id}",
            "prompt": row.prompt,
            "example": row.test_list[0],
            "entry_point": _entry_point(row, where),
            "test": mended(row.test),
            "solution": "\n".join((*row.test_imports, row.code)),
        }
        for where, row in tasks
    ]
    settings = {
        "name": "mbpp-plus",
        "description": "Short Python functions from one sentence and one test.",
        "prompt": _ASK + "{prompt}\nIt must pass this test:\n\n```python\n{example}\n```",
        "scorer": "code",
        # The slowest published solution takes 43 s, and the largest more than 1 GiB.
        "options": {"packages": ["numpy"], "timeout_s": 180, "memory_mib": 4096},
        "max_tokens": 1024,
        "source": "evalplus/mbppplus_release",
        "license": "Apache-2.0",
    }
    return Published(settings, items, [where for where, _ in tasks])


def _without_results(file: Path, row: dict[str, Any]) -> None:
    """Refuse the releases that leave the further inputs' results to EvalPlus's own program.

    Their tests, where they have any, are those of the suite that was extended.

    Raises:
        InputError: it is one of them.
    """
    if "plus_input" in row:
        name = "MbppPlus" if str(row.get("task_id")).startswith("Mbpp") else "HumanEvalPlus"
        raise InputError(
            f"{file} has the inputs of the further tests without their results, which only "
            "EvalPlus's own program works out.",
            fix=f"Import {name}-OriginFmt.jsonl.gz of the same release.",
        )


def mended(test: str) -> str:
    """A published test that means what its task asks."""
    for fault, cure in _MENDED:
        test = fault.sub(cure, test)
    return test


def _entry_point(row: _Mbpp, where: str) -> str:
    """The function that the tests call."""
    match = _TESTED.search(row.test[-2000:]) or _CALLED.search(row.test_list[0])
    if match is None:
        end = row.test[-200:]
        raise FormatError(f"{where}: the test calls no function that could be told: {end!r}.")
    return str(next(filter(None, match.groups())))
