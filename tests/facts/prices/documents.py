"""Small price lists in the form that genai-prices publishes."""

from __future__ import annotations

import json
from typing import Any


def model(name: str, prices: Any = None, **more: Any) -> dict[str, Any]:
    usual = {"input_mtok": 1, "output_mtok": 4} if prices is None else prices
    return {"id": name, "match": {"equals": name}, "prices": usual, **more}


def document(**providers: list[dict[str, Any]]) -> bytes:
    return json.dumps(
        [{"id": name, "models": models} for name, models in providers.items()]
    ).encode()


def many(count: int, **more: list[dict[str, Any]]) -> bytes:
    """A list that is long enough to be the successor of ours."""
    return document(many=[model(f"m{number}") for number in range(count)], **more)
