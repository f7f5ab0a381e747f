from __future__ import annotations

import platform
from typing import NoReturn

import psutil
import pytest

from weighbridge.facts import host


def test_says_what_this_machine_is() -> None:
    line = host.host_line()
    assert f"Python {platform.python_version()}" in line
    assert " core" in line
    assert " GiB" in line
    assert "\n" not in line
    assert host.host_memory_bytes() == psutil.virtual_memory().total


def test_leaves_out_what_cannot_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> NoReturn:
        raise OSError

    monkeypatch.setattr(psutil, "virtual_memory", refuse)
    monkeypatch.setattr(platform, "system", refuse)
    assert host.host_memory_bytes() is None
    line = host.host_line()
    assert "GiB" not in line
    assert line.endswith(f"Python {platform.python_version()}")
