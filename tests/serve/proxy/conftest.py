from __future__ import annotations

from tests.wire.conftest import certificate, run

__all__ = ["certificate", "run"]
