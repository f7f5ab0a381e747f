"""A question with another value in one place: what sliders and `what if` are made of."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from weighbridge.core.cost import CostQuestion, FixedLine, Uncertain
from weighbridge.core.errors import InputError


def with_driver(
    question: CostQuestion, driver: str, value: Uncertain, *, option: str = ""
) -> CostQuestion:
    """The question with another quantity.

    Args:
        question: as it was.
        driver: the quantity's path, as :class:`weighbridge.core.cost.Swing` has it.
        value: the new one.
        option: name of the option whose quantity it is; nothing for one of the demand, or for all
            options of that kind.

    Raises:
        InputError: there is no such quantity.
    """
    whose, _, inside = driver.partition(".")
    if whose == "demand":
        return replace(question, demand=_changed(question.demand, inside, value))
    kind = {"self": "selfhosted", "api": "hosted"}.get(whose)
    if kind is None:
        raise _unknown(driver)
    options = tuple(
        _changed(one, inside, value) if option in ("", one.name) else one
        for one in getattr(question, kind)
    )
    changed: CostQuestion = replace(question, **{kind: options})  # type: ignore[arg-type]
    return changed


def _changed(record: Any, path: str, value: Uncertain) -> Any:  # noqa: ANN401 -- any of our records
    name, _, rest = path.partition(".")
    if name not in {one.name for one in fields(record)}:
        raise _unknown(path)
    held = getattr(record, name)
    if isinstance(held, tuple):
        lines = tuple(FixedLine(one.name, value) if one.name == rest else one for one in held)
        return replace(record, **{name: lines})
    if rest:
        return replace(record, **{name: _changed(held, rest, value)})
    return replace(record, **{name: value})


def _unknown(path: str) -> InputError:
    return InputError(
        f"There is no quantity {path!r} in this question.", fix="Swings name those that there are."
    )
