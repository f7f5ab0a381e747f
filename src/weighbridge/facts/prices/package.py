"""The prices of an installed genai-prices, as the document that its project publishes."""

from __future__ import annotations

import re
from datetime import date, time
from decimal import Decimal
from importlib import import_module, metadata
from typing import Any

import msgspec

NAME = "genai-prices"


def installed_version() -> str:
    """Its version; empty where it is not installed. Nothing of it is imported."""
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return ""


def is_newer(version: str, than: str) -> bool:
    """Whether a version is later; one that is no row of numbers never is.

    >>> is_newer("0.2.10", "0.2.3")
    True
    """
    ours, theirs = _numbers(version), _numbers(than)
    return bool(ours) and ours > theirs


def _numbers(version: str) -> tuple[int, ...]:
    said = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in said[0].split(".")[:6]) if said else ()


def document() -> bytes:
    """Its price list as JSON. Importing it takes a second: it brings pydantic."""
    providers = import_module("genai_prices.data").providers
    plain = [
        {"id": provider.id, "models": [_plain(model) for model in provider.models]}
        for provider in providers
    ]
    return msgspec.json.encode(plain)


def _plain(value: Any) -> Any:  # noqa: ANN401 -- any of the package's records
    """Records as tables, decimals as numbers, and names without the _ that Python needs."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    fields = value if isinstance(value, dict) else vars(value)
    return {
        key.rstrip("_"): _plain(each)
        for key, each in fields.items()
        if each is not None and not key.startswith("_")
    }
