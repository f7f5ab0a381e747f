"""Instructions that can be checked without judgement: lengths, words, formats (IFEval's kinds).

An item's answer is a list of instructions, each with ``id`` and ``arguments``. It is right when all
are followed, word for word ("strict", by prompt); its score is the share that is followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.instruction_checks import CHECKS, plain_id
from weighbridge.measure.evals.scoring import Answer, Kind, Means, NoOptions, Rule, Score


def followed(instruction: Mapping[str, Any], text: str) -> bool:
    """Whether one instruction is followed; by no empty answer."""
    if not text.strip():
        return False
    return CHECKS[plain_id(instruction["id"])].holds(text, instruction.get("arguments") or {})


def instructions(item: Item, answer: Answer) -> Score:
    """All of an item's instructions are followed."""
    wrong = [one["id"] for one in item.answer if not followed(one, answer.text)]
    value = 1.0 - len(wrong) / len(item.answer)
    if not wrong:
        return Score(correct=True, value=1.0)
    return Score(False, value, f"not followed: {', '.join(wrong)}", {"wrong": wrong})


def _complaint(item: Item, _: object) -> str:
    if not isinstance(item.answer, list) or not item.answer:
        return "`answer` must be a list of instructions, each with `id` and `arguments`"
    for one in item.answer:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            return "`answer` must be a list of instructions, each with `id` and `arguments`"
        check = CHECKS.get(plain_id(one["id"]))
        if check is None:
            return f"there is no instruction {one['id']!r}; docs/evaluation.md lists them"
        said = check.complaint(one.get("arguments") or {})
        if said:
            return f"the instruction {one['id']}: {said}"
    return ""


def _make(_: SuiteFile, __: NoOptions, ___: Means) -> Rule:
    return Rule(instructions)


INSTRUCTIONS = Kind(NoOptions, _make, _complaint)
