"""Our own configurations, one per family (see ``tools/make_config_fixtures.py``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "data/configs"
PARAMETERS: dict[str, int] = json.loads((FOLDER / "parameters.json").read_text("utf-8"))


def raw(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return loaded
