"""Write the JSON Schemas in docs/schema from the Structs; run it when they change."""

from __future__ import annotations

import json
from pathlib import Path

from weighbridge.serve.config.schema import schema as router_schema
from weighbridge.verbs.study.schema import schema as study_schema

FOLDER = Path(__file__).parents[1] / "docs/schema"
SCHEMAS = {
    "router.config.schema.json": router_schema,
    "study.schema.json": study_schema,
}


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, schema in SCHEMAS.items():
        text = json.dumps(schema(), indent=2, ensure_ascii=False)
        (FOLDER / name).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
