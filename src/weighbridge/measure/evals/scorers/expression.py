r"""Formulas as numbers: enough LaTeX to tell that ``\frac{x}{2}`` is ``0.5x``, and no more.

A formula is evaluated, with letters at fixed points; two formulas that agree at all of them are
taken for equal. What is not understood has no value, never a guessed one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

_TOKEN = re.compile(
    r"(\d+(?:\.\d+)?|\.\d+)|\\(frac|sqrt|pi|cdot|times|div)|([a-zA-Z])|([-+*/^(){}\[\]])"
)
_WORD = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{3,}")
_LONGEST = 300
# Where letters are evaluated: no small integers, at which too much happens to agree.
_POINTS = (
    (1.3717, 0.6113, 2.1931, 0.8467, 1.7321),
    (0.4219, 1.9187, 0.7351, 2.3011, 1.1093),
    (2.0563, 0.3371, 1.4621, 0.5873, 0.9227),
)
# And once below zero, where the root of a square is not its base; what leaves the real numbers
# there says nothing: such a formula was not meant for it.
_NEGATIVE = (-1.2347, -0.7121, -2.0893, -0.5437, -1.6171)
_TOLERANCE = 1e-12
_MOST_BITS = 20_000
Number = Fraction | float | complex
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class NoValueError(ValueError):
    """The formula is not understood, or has no finite value."""


def equal(a: str, b: str) -> bool:
    """Whether both are formulas that agree, as far as :data:`_POINTS` can tell."""
    try:
        tokens_a, tokens_b = _tokens(a), _tokens(b)
        letters = sorted({token for token in (*tokens_a, *tokens_b) if token.isalpha()} - {"i"})
        if letters != sorted({token for token in tokens_a if token.isalpha()} - {"i"}):
            return False
        for values in (*_POINTS, _NEGATIVE) if letters else _POINTS[:1]:
            sides = [_Parser(tokens, _at(letters, values)) for tokens in (tokens_a, tokens_b)]
            a_value, b_value = sides[0].value(), sides[1].value()
            is_foreign = values is _NEGATIVE and any(side.left_the_reals for side in sides)
            if not is_foreign and not _close(a_value, b_value):
                return False
        return True
    except (NoValueError, ArithmeticError, ValueError, RecursionError, TypeError):
        return False


def _at(letters: Sequence[str], values: Sequence[float]) -> dict[str, complex]:
    return {
        letter: values[index % len(values)] + index // len(values)
        for index, letter in enumerate(letters)
    }


def _close(a: Number, b: Number) -> bool:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a == b
    a, b = complex(a), complex(b)
    if not (math.isfinite(abs(a)) and math.isfinite(abs(b))):
        return False
    return abs(a - b) <= _TOLERANCE * max(abs(a), abs(b), 1e-300) or a == b


def _tokens(text: str) -> list[str]:
    if len(text) > _LONGEST or _WORD.search(text):
        raise NoValueError
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NoValueError
        command = match[2]
        tokens.append(
            {"cdot": "*", "times": "*", "div": "/"}.get(command, f"\\{command}")
            if command
            else match[0]
        )
        at = match.end()
    return tokens


class _Parser:
    """Recursive descent over tokens, computing as it goes."""

    def __init__(self, tokens: Sequence[str], letters: Mapping[str, complex]) -> None:
        self._tokens = tokens
        self._letters = letters
        self._at = 0
        self.left_the_reals = False

    def value(self) -> Number:
        """The value of all tokens."""
        total = self._sum()
        if self._at != len(self._tokens):
            raise NoValueError
        return total

    @property
    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> str:
        token = self._next
        if not token or (wanted and token != wanted):
            raise NoValueError
        self._at += 1
        return token

    def _sum(self) -> Number:
        total = self._product()
        while self._next in ("+", "-"):
            sign = 1 if self._take() == "+" else -1
            total += sign * self._product()
        return total

    def _product(self) -> Number:
        total = self._signed()
        while True:
            if self._next == "*":
                self._take()
                total *= self._signed()
            elif self._next == "/":
                self._take()
                total /= self._signed()
            elif self._next and self._next not in "+-)}]":
                total = self._side_by_side(total)
            else:
                return total

    def _side_by_side(self, before: Number) -> Number:
        """A product without a sign."""
        if self._next[0].isdigit() or self._next[0] == ".":
            raise NoValueError  # two numbers side by side: a list, or spaces that meant something
        return before * self._power()

    def _signed(self) -> Number:
        if self._next in ("+", "-"):
            return self._signed() if self._take() == "+" else -self._signed()
        return self._power()

    def _power(self) -> Number:
        base = self._atom()
        if self._next != "^":
            return base
        self._take()
        exponent = -self._atom() if self._next == "-" and self._take() else self._atom()
        if abs(complex(exponent)) > 1000:
            raise NoValueError
        return self._raised(base, exponent)

    def _raised(self, base: Number, exponent: Number) -> Number:
        if isinstance(base, Fraction) and isinstance(exponent, Fraction):
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if exponent.denominator == 1 and bits * abs(exponent) < _MOST_BITS:
                return base ** int(exponent)
        is_whole = isinstance(exponent, Fraction) and exponent.denominator == 1
        if not is_whole and complex(base).real < 0:
            self.left_the_reals = True
        result: complex = complex(base) ** complex(exponent)
        return result

    def _atom(self) -> Number:
        symbol = self._take()
        if symbol in _CLOSING:
            value = self._sum()
            self._take(_CLOSING[symbol])
            return value
        if symbol.startswith("\\"):
            return self._command(symbol)
        if symbol.isalpha():
            return 1j if symbol == "i" else self._letters[symbol]
        value = Fraction(symbol)
        # 3 before a fraction of numbers is a mixed number.
        if symbol.isdigit() and _is_plain_fraction(self._tokens[self._at : self._at + 7]):
            self._take()
            value += self._argument() / self._argument()
        return value

    def _command(self, symbol: str) -> Number:
        if symbol == "\\pi":
            return math.pi
        if symbol == "\\frac":
            above = self._argument()
            return above / self._argument()
        degree: Number = Fraction(2)
        if self._next == "[":
            self._take()
            degree = self._sum()
            self._take("]")
        return self._raised(complex(self._argument()), 1 / degree)

    def _argument(self) -> Number:
        """What a command applies to: braces, or one digit or letter."""
        if self._next == "{":
            return self._atom()
        if len(self._next) != 1 or not self._next.isalnum():
            raise NoValueError
        return self._atom()


def _is_plain_fraction(tokens: Sequence[str]) -> bool:
    r"""``\frac{1}{2}`` of two whole numbers."""
    return (
        len(tokens) == 7
        and tokens[0] == "\\frac"
        and (tokens[1], tokens[3], tokens[4], tokens[6]) == ("{", "}", "{", "}")
        and tokens[2].isdigit()
        and tokens[5].isdigit()
    )
