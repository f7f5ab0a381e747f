"""What an engine says it offers, which may be less than what it was asked for."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from weighbridge.core.errors import EndpointError
from weighbridge.engines.adapter import Admin

_ASK_S = 3.0


async def offered_context(admin: Admin) -> int | None:
    """Tokens that a request may take, as the engine says; None where it does not say.

    vLLM and SGLang tell beside the model's name, llama.cpp with its settings.
    """
    for path in (admin.endpoint.models.path, "/props"):
        with contextlib.suppress(EndpointError):
            status, body = await admin.get(path, _ASK_S)
            found = context_in(body, admin.endpoint.model) if status == 200 else None
            if found is not None:
                return found
    return None


def context_in(body: bytes, model: str) -> int | None:
    """From the list of models, or llama.cpp's properties."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    settings = told.get("default_generation_settings")
    if isinstance(settings, dict):
        return _count(settings.get("n_ctx"))
    rows = told.get("data")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("id") == model:
            return _count(row.get("max_model_len"))
    return None


def _count(value: Any) -> int | None:  # noqa: ANN401 -- JSON
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
