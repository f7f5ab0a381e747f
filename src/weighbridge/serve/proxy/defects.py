"""A defect in one room of the gateway must not keep the others from hearing of a request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_log = logging.getLogger("weighbridge.serve")

Given = ParamSpec("Given")
Told = TypeVar("Told")


def safely(call: Callable[Given, Told], *args: Given.args, **kwargs: Given.kwargs) -> Told | None:
    """What ``call`` returns; None, and a line in the log, where it raises."""
    try:
        return call(*args, **kwargs)
    except Exception:  # noqa: BLE001 -- whatever it raised
        _log.exception("%r failed", call)
        return None
