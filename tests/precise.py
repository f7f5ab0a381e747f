"""The bundled server whose every token is due at a known time, for tests that need such truth."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def precise_server(*, ttft_ms: float, itl_ms: float, slots: int = 1000) -> Iterator[str]:
    """Run it on a free port; its address ends in ``/v1``."""
    words = ["--ttft-ms", ttft_ms, "--itl-ms", itl_ms, "--slots", slots]
    command = [sys.executable, "-m", "weighbridge.engines.precise_server", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
