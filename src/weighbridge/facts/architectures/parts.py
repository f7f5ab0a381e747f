"""Weights written as the products that they are."""

from __future__ import annotations

from weighbridge.core.architecture import Component, Part

Factor = tuple[str, int]
Term = tuple[Factor, ...]


def part(component: Component, name: str, *terms: Term, idle: int = 0) -> Part:
    """A part whose weights are a sum of products, and the formula that shows them.

    >>> part("mlp", "up", (("hidden", 8), ("width", 32)), (("bias", 32),))
    Part(component='mlp', name='up', parameters=288, formula='hidden 8 × width 32 + bias 32', idle=0)
    """  # noqa: E501 - a record is printed on one line
    total = 0
    texts: list[str] = []
    for term in terms:
        product = 1
        for _, number in term:
            product *= number
        if product:
            total += product
            texts.append(" × ".join([f"{label} {n}" if label else str(n) for label, n in term]))
    return Part(component, name, total, " + ".join(texts), idle)


def kept(*parts: Part) -> tuple[Part, ...]:
    """The parts that have weights at all."""
    return tuple(item for item in parts if item.parameters)


def bias(size: int, present: bool) -> Term:
    """A bias of so many weights, or a term that vanishes."""
    return (("bias", size if present else 0),)
