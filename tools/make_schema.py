"""Write docs/schema/router.config.schema.json from the Structs; run it when they change."""

from __future__ import annotations

import json
from pathlib import Path

from weighbridge.serve.config.schema import schema

TARGET = Path(__file__).parents[1] / "docs/schema/router.config.schema.json"


def main() -> None:
    """Write the file."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(schema(), indent=2, ensure_ascii=False)
    TARGET.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
