"""How the live server's addresses name the models of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlencode

# A run of the workspace, or an id of the catalogue.
Source = Literal["run", "model"]
Pick = tuple[Source, str]


def compare_address(picks: Sequence[Pick], more: Pick | None = None) -> str:
    """Where these models, and one more, are shown side by side."""
    return f"/inspect/compare?{urlencode([*picks, *([more] if more else [])])}"


def more_address(picks: Sequence[Pick]) -> str:
    """Where another model is picked to be compared with these."""
    return f"/inspect?{urlencode(list(picks))}"
