"""GSM8K, MATH-500 and IFEval: questions whose answers are read without running anything."""

from __future__ import annotations

from pathlib import Path

from weighbridge.core.errors import FormatError
from weighbridge.measure.evals.published.lines import Published, find, rows

_BOXED = "\n\nReason step by step, and put your final answer within \\boxed{{}}."


def gsm8k(path: Path) -> Published:
    """Grade-school mathematics; the gold is the number after ``####``."""
    file = find(path, ("test.jsonl",))
    items = []
    for number, row in enumerate(rows(file, ("question", "answer"))):
        solution, mark, answer = str(row["answer"]).rpartition("####")
        if not mark:
            raise FormatError(f"{file}, line {number + 1}: the answer has no ####.")
        items.append(
            {
                "id": f"gsm8k-{number}",
                "question": row["question"],
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
    return Published(settings, items)


def math500(path: Path) -> Published:
    """Competition mathematics; the gold is a formula."""
    file = find(path, ("test.jsonl", "math500.jsonl"))
    items = [
        {
            "id": str(row["unique_id"]),
            "problem": row["problem"],
            "answer": row["answer"],
            "subject": row.get("subject", ""),
            "level": row.get("level", 0),
        }
        for row in rows(file, ("unique_id", "problem", "answer"))
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
    return Published(settings, items)


def ifeval(path: Path) -> Published:
    """Instructions that can be checked; the gold is the list of them with their arguments."""
    file = find(path, ("input_data.jsonl",))
    items = []
    for row in rows(file, ("key", "prompt", "instruction_id_list", "kwargs")):
        pairs = zip(row["instruction_id_list"], row["kwargs"], strict=True)
        instructions = [
            {
                "id": name,
                "arguments": {key: told for key, told in (given or {}).items() if told is not None},
            }
            for name, given in pairs
        ]
        items.append({"id": str(row["key"]), "prompt": row["prompt"], "answer": instructions})
    settings = {
        "name": "ifeval",
        "description": "Verifiable instructions; right when all of a prompt's are followed.",
        "prompt": "{prompt}",
        "scorer": "instructions",
        "max_tokens": 2048,
        "source": "google-research/instruction_following_eval",
        "license": "Apache-2.0",
    }
    return Published(settings, items)
