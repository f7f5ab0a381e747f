"""Gateways behind gateways: how a request that goes in circles is recognised.

Each gateway tells the next how many it has passed, and which. Pure: headers in, headers out.
"""

from __future__ import annotations

from typing import Final

from weighbridge.core.http import Headers

HOP: Final = b"x-weighbridge-hop"
VIA: Final = b"x-weighbridge-via"
MOST_GATEWAYS: Final = 4


def loop(headers: Headers, own: bytes) -> str | None:
    """Why a request must go no further, as a sentence; None when it may.

    Args:
        headers: the request's, names in lower case.
        own: the gateway's name among gateways.
    """
    if own in _via(headers):
        return (
            "The request has come back to this gateway: one of its models is the gateway itself. "
            "Correct that model's url."
        )
    passed = _passed(headers)
    if passed >= MOST_GATEWAYS:
        return (
            f"The request has passed {passed} gateways, and {MOST_GATEWAYS} is the most: "
            "do they call each other?"
        )
    return None


def onward(headers: Headers, own: bytes) -> Headers:
    """What to tell the next gateway, if there is one."""
    return (
        (HOP, b"%d" % (_passed(headers) + 1)),
        (VIA, b" ".join((*_via(headers), own))),
    )


def _passed(headers: Headers) -> int:
    told = [value for name, value in headers if name == HOP]
    counts = [int(value) for value in told if value.isdigit() and len(value) < 10]
    return max([len(_via(headers)), *counts])


def _via(headers: Headers) -> list[bytes]:
    # Only as many as may be: who sends more is refused, and nobody can make the header grow.
    names = [part for name, value in headers if name == VIA for part in value.split()]
    return names[: MOST_GATEWAYS + 1]
