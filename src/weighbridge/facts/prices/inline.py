"""Prices given in a word: ``.02/.05``, or with a name, ``our-host=.02/.05``."""

from __future__ import annotations

import re

from weighbridge.core.errors import InputError
from weighbridge.core.prices import ApiPrice, PriceTier, TokenPrice, known
from weighbridge.core.provenance import Provenance

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_PRICE = re.compile(rf"\$?({_NUMBER})/\$?({_NUMBER})(?:/\$?({_NUMBER}))?")
ON_COMMAND_LINE = "given on the command line"
EXAMPLE = "our-host=0.02/0.05"


def parse_inline(text: str, *, today: str, said: str = ON_COMMAND_LINE) -> ApiPrice | None:
    """The price that a word states, as an assumption; None where it is no price but a name.

    Args:
        text: ``in/out`` or ``NAME=in/out``, USD per million tokens; a third is of cached input.
        today: noted as its date.
        said: noted as its source: where the word was given.

    Raises:
        InputError: it looks like a price and is none.
    """
    name, equals, stated = text.strip().rpartition("=")
    price = _PRICE.fullmatch(stated.strip())
    if price is None:
        if not equals:
            return None
        raise InputError(
            f"{text!r} is no price: after `=` come USD per million tokens of input and output.",
            fix=f"Write for example {EXAMPLE}.",
        )
    usd = [known(float(part)) if part else None for part in price.groups()]
    if usd[0] is None or usd[1] is None:
        raise InputError(
            f"{text!r} states a price of 0, which stands for unknown.",
            fix=f"Write what is paid, for example {EXAMPLE}.",
        )
    return ApiPrice(
        "",
        name.strip() or stated.strip(),
        (PriceTier(0, TokenPrice(usd[0], usd[1], usd[2])),),
        Provenance("assumed", said, today[:10]),
    )
