"""A scorer of the user's own: a Python function, named by where it is.

A suite is a folder that may come from a stranger, and naming a function is running it. So only
functions are called that the user trusts by name (``--trust module:function``), or that an
installed package offers under the entry point ``weighbridge.scorers``.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from importlib import metadata
from typing import Any

import msgspec

from weighbridge.core.errors import InputError
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scoring import Answer, Kind, Means, Rule, Score

ENTRY_POINTS = "weighbridge.scorers"


class PythonOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Options of ``python``.

    Attributes:
        function: ``module:function``, or the name of an entry point.
        pass_at: the score from which an answer counts as right.
        reads: fields of the items that the function gets beside ``answer``.
    """

    function: str
    pass_at: float = 1.0
    reads: tuple[str, ...] = ()


def scored_by(told: Any, pass_at: float) -> Score:  # noqa: ANN401 -- a foreign function's answer
    """A function's answer as a score: a truth value, a number from 0 to 1, or (number, why).

    Raises:
        InputError: it is none of these.
    """
    told, why = told if isinstance(told, tuple) and len(told) == 2 else (told, "")
    if isinstance(told, bool):
        return Score(told, float(told), "" if told else str(why))
    if not isinstance(told, int | float) or not math.isfinite(told) or not 0 <= told <= 1:
        raise InputError(
            f"The scoring function returned {told!r}.",
            fix="Return true or false, a number from 0 to 1, or a pair of these and a reason.",
        )
    return Score(told >= pass_at, float(told), "" if told >= pass_at else str(why))


def find(name: str, trusted: frozenset[str]) -> Callable[[str, dict[str, Any]], Any]:
    """The function that ``name`` means.

    Raises:
        InputError: it is not trusted, or not there.
    """
    offered = metadata.entry_points(group=ENTRY_POINTS)
    found = offered[name].load() if name in offered.names else _imported(name, trusted)
    if not callable(found):
        raise InputError(f"{name} is no function.")
    function: Callable[[str, dict[str, Any]], Any] = found
    return function


def _imported(name: str, trusted: frozenset[str]) -> Any:  # noqa: ANN401 -- whatever is there
    if name not in trusted:
        raise InputError(
            f"The suite asks to run the Python function {name}, which may do anything.",
            fix=f"Look at it; if you trust it, say --trust {name}.",
        )
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"The scoring function {name} cannot be imported: {error}.",
            fix="Its folder must be installed, the current one, or on PYTHONPATH.",
        ) from None


def _make(_: SuiteFile, options: PythonOptions, means: Means) -> Rule:
    function = find(options.function, means.trusted)

    def judge(item: Item, answer: Answer) -> Score:
        fields = {**item.fields, "id": item.id, "prompt": item.prompt, "answer": item.answer}
        try:
            told = function(answer.text, fields)
        except Exception as error:
            raise InputError(
                f"The scoring function {options.function} failed on item {item.id}: {error!r}."
            ) from error
        return scored_by(told, options.pass_at)

    return Rule(judge)


PYTHON = Kind(PythonOptions, _make, needs_answer=False, reads=lambda options: options.reads)
