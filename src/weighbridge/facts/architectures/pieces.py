"""Small parts that towers of all families share: projections, norms, keys under two names."""

from __future__ import annotations

from weighbridge.core.architecture import Component, Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import Term, part


def linear(component: Component, name: str, inputs: int, outputs: int, *, biased: bool) -> Part:
    """A projection."""
    terms: list[Term] = [(("in", inputs), ("out", outputs))]
    if biased:
        terms.append((("bias", outputs),))
    return part(component, name, *terms)


def convolution(
    name: str, area: int, channels: int, outputs: int, *, biased: bool, component: Component
) -> Part:
    """A convolution whose window has ``area`` places."""
    terms: list[Term] = [(("window", area), ("in", channels), ("out", outputs))]
    if biased:
        terms.append((("bias", outputs),))
    return part(component, name, *terms)


def norm(component: Component, size: int, weights: int, name: str = "projector norm") -> Part:
    """A norm; ``weights`` per channel: RMSNorm has one, LayerNorm two."""
    return part(component, name, (("", weights), ("dim", size)))


def chosen(keys: Keys, *names: str) -> int:
    """A size under the first name that the file states; a class default only where it has none.

    Raises:
        FormatError: neither the file nor the class says it.
    """
    for name in names:
        if keys.stated(name):
            return keys.size(name)
    return keys.size(*names)
