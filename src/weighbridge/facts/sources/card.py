"""The licence that a model card states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_FENCE: Final = "---"
_MOST_BYTES: Final = 1024**2


def license_of(card: Mapping[str, Any]) -> str | None:
    """The licence in a card's metadata: its name where the identifier only says ``other``."""
    short, long = card.get("license"), card.get("license_name")
    if isinstance(short, list):  # some cards list several
        short = ", ".join(str(each) for each in short) or None
    named = long if isinstance(long, str) and long else None
    if isinstance(short, str) and short and short != "other":
        return short
    return named or (short if isinstance(short, str) and short else None)


def license_in_readme(text: str) -> str | None:
    """The licence that the metadata at the top of a README.md states."""
    head = text[:_MOST_BYTES].lstrip("\ufeff")
    if not head.startswith(_FENCE):
        return None
    block, fence, _ = head[len(_FENCE) :].partition(f"\n{_FENCE}")
    if not fence:
        return None
    import yaml  # noqa: PLC0415 -- 20 ms that a model without a card does not pay

    try:
        card = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError):
        return None
    return license_of(card) if isinstance(card, dict) else None
