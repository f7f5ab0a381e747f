from __future__ import annotations

import shutil

import pytest

from weighbridge.measure.sandbox.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed: the sandbox cannot be tested")
    return Sandbox(2)
