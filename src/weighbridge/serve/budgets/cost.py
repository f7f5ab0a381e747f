"""What a request costs: at most, before it is sent, and really, once it has ended.

Money is counted in whole nano-dollars, so that sums do not drift.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from weighbridge.core.gateway import COMPLETIONS, Asked, TokenUse
from weighbridge.core.routing import Price

NANO = 10**9
# A server that reports nonsense must not make the ledger's numbers overflow.
_MOST_TOKENS = 10**12
_MOST_NANO = 10**15
# The longest answer assumed of a model whose context nobody states.
UNSAID_OUTPUT = 4096
_GENERATES = frozenset({"chat", "completions", "responses", "messages"})


class Amount(NamedTuple):
    """Money and tokens."""

    nano: int
    tokens: int


NOTHING = Amount(0, 0)


def at_most(asked: Asked, context: int | None) -> TokenUse:
    """The tokens that a request may come to; ``context`` is what one sequence may have, if known.

    Without ``max_tokens`` an answer may fill the context.
    """
    prompt = asked.prompt_tokens
    if COMPLETIONS.get(asked.path) not in _GENERATES:
        return TokenUse(prompt=prompt, output=0, estimated=True)
    rest = UNSAID_OUTPUT if context is None else max(context - prompt, 0)
    output = rest if asked.max_tokens is None else asked.max_tokens
    if context is not None:
        output = min(output, rest)
    return TokenUse(prompt=prompt, output=max(output, 0), estimated=True)


def cost(use: TokenUse, price: Price | None) -> Amount:
    """Money and tokens of one request, rounded up to the next nano-dollar.

    >>> cost(TokenUse(prompt=1000, output=500), Price(prompt=0.5, output=1.5))
    Amount(nano=1250000, tokens=1500)
    """
    prompt, output = _sane(use.prompt), _sane(use.output)
    if price is None:
        return Amount(0, prompt + output)
    cached = min(_sane(use.cached), prompt)
    of_cached = price.prompt if price.cached is None else price.cached
    # Dollars per million tokens are micro-dollars per token.
    micro = (prompt - cached) * price.prompt + cached * of_cached + output * price.output
    # The tolerance keeps 0.1 × 3 from costing a nano-dollar more than 0.3.
    return Amount(min(math.ceil(micro * 1000 - 1e-6), _MOST_NANO), prompt + output)


def _sane(tokens: int) -> int:
    return min(max(tokens, 0), _MOST_TOKENS)
