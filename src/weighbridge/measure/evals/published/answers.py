"""GSM8K, MATH-500 and IFEval: questions whose answers are read without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.counting import counted
from weighbridge.core.errors import FormatError
from weighbridge.measure.evals.published.lines import Published, find, rows

_BOXED = "\n\nReason step by step, and put your final answer within \\boxed{{}}."


class _Gsm8k(msgspec.Struct):
    question: str
    answer: str


class _Math500(msgspec.Struct):
    unique_id: str | int
    problem: str
    answer: str
    subject: str = ""
    level: int | str = 0


class _Ifeval(msgspec.Struct):
    key: str | int
    prompt: str
    instruction_id_list: list[str]
    kwargs: list[dict[str, Any] | None]


def gsm8k(path: Path) -> Published:
    """Grade-school mathematics; the gold is the number after ``####``."""
    file = find(path, ("test.jsonl",))
    found = rows(file, _Gsm8k)
    items = []
    for number, (where, row) in enumerate(found):
        solution, mark, answer = row.answer.rpartition("####")
        if not mark:
            raise FormatError(f"{where}: the answer has no ####.")
        items.append(
            {
                "id": f"gsm8k-{number}",
                "question": row.question,
                "answer": answer.strip(),
                "solution": solution.strip(),
            }
        )
    settings = {
        "name": "gsm8k",
        "description": "Grade-school mathematics in words, with a number as answer.",
        "prompt": "{question}" + _BOXED,
        "scorer": "number",
        "max_tokens": 1024,
        "source": "openai/grade-school-math",
        "license": "MIT",
    }
    return Published(settings, items, [where for where, _ in found])


def math500(path: Path) -> Published:
    """Competition mathematics; the gold is a formula."""
    file = find(path, ("test.jsonl", "math500.jsonl"))
    found = rows(file, _Math500)
    items = [
        {
            "id": str(row.unique_id),
            "problem": row.problem,
            "answer": row.answer,
            "subject": row.subject,
            "level": row.level,
        }
        for _, row in found
    ]
    settings = {
        "name": "math500",
        "description": "Competition mathematics, with a formula as answer.",
        "prompt": "{problem}" + _BOXED,
        "scorer": "math",
        "max_tokens": 4096,
        "source": "openai/prm800k, hendrycks/math",
        "license": "MIT",
    }
    return Published(settings, items, [where for where, _ in found])


def ifeval(path: Path) -> Published:
    """Instructions that can be checked; the gold is the list of them with their arguments."""
    file = find(path, ("input_data.jsonl",))
    found = rows(file, _Ifeval)
    items = [
        {"id": str(row.key), "prompt": row.prompt, "answer": _instructions(row, where)}
        for where, row in found
    ]
    settings = {
        "name": "ifeval",
        "description": "Verifiable instructions; right when all of a prompt's are followed.",
        "prompt": "{prompt}",
        "scorer": "instructions",
        "max_tokens": 2048,
        "source": "google-research/instruction_following_eval",
        "license": "Apache-2.0",
    }
    return Published(settings, items, [where for where, _ in found])


def _instructions(row: _Ifeval, where: str) -> list[dict[str, Any]]:
    """Each instruction with those of its arguments that are given."""
    names, given = row.instruction_id_list, row.kwargs
    if len(names) != len(given):
        raise FormatError(
            f"{where}: `instruction_id_list` has {counted(len(names), 'instruction')}, and "
            f"`kwargs` the arguments of {len(given)}.",
            fix="Each instruction has an object of arguments, {} where it takes none.",
        )
    return [
        {"id": name, "arguments": {k: told for k, told in (of or {}).items() if told is not None}}
        for name, of in zip(names, given, strict=True)
    ]
