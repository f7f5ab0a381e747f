"""The JSON Schema of ``study.yaml``, for editors: made from the Structs, never by hand."""

from __future__ import annotations

from typing import Any

from weighbridge.core import routing, study_file
from weighbridge.serve.config.schema import schema_of


def schema() -> dict[str, Any]:
    """The schema, each key described by the docstring of its Struct."""
    return schema_of(
        study_file.StudyFile,
        (study_file, routing),
        "study.yaml",
        "An experiment that Weighbridge executes: `weigh study run`.",
    )
