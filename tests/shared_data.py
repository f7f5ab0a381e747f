"""Where the shared measurements are, for tests that can use them and skip without."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]


def shared(*parts: str) -> Path:
    """A file or folder of ``../shared``; skips the test where there is none."""
    path = _ROOT.parent.joinpath("shared", *parts)
    if not path.exists():
        pytest.skip(f"needs ../shared/{'/'.join(parts)}, which is not here")
    return path
