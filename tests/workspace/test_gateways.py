from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.core.gateway_admin import RunningGateway
from weighbridge.workspace.gateways import announce, running, vanished, withdraw

URL = "http://127.0.0.1:8081"


def test_what_is_announced_is_found_until_it_is_withdrawn(tmp_path: Path) -> None:
    root = tmp_path / "new" / ".weighbridge"
    assert running(root) is None
    announce(root, URL, os.getpid())
    assert running(root) == RunningGateway(URL, os.getpid())
    assert [path.name for path in root.iterdir()] == ["gateway.json"], "no draft is left"
    withdraw(root, os.getpid())
    assert running(root) is None
    withdraw(root, os.getpid())


def test_another_gateways_word_is_not_withdrawn(tmp_path: Path) -> None:
    announce(tmp_path, URL, os.getpid())
    withdraw(tmp_path, os.getpid() + 1)
    assert running(tmp_path) is not None


def test_a_killed_gateway_runs_no_more(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    announce(tmp_path, URL, process.pid)
    assert running(tmp_path) is not None
    assert vanished(tmp_path) is None
    process.kill()
    process.wait()
    assert running(tmp_path) is None
    assert vanished(tmp_path) == RunningGateway(URL, process.pid)
    withdraw(tmp_path, process.pid)
    assert vanished(tmp_path) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com:8081",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com/",
        "file:///etc/passwd",
        "http://[",
        "",
    ],
)
def test_a_file_leads_nowhere_but_to_this_machine(tmp_path: Path, url: str) -> None:
    announce(tmp_path, url, os.getpid())
    assert running(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"admin_url": 1, "pid": 2}',
        '{"admin_url": "http://127.0.0.1:1", "pid": -1}',
        '{"admin_url": "http://127.0.0.1:1", "pid": 99999999999999999999}',
        "\xff",
    ],
)
def test_a_damaged_file_announces_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "gateway.json").write_bytes(text.encode("latin-1"))
    assert running(tmp_path) is None


def test_what_cannot_be_written_is_not_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    announce(file, URL, os.getpid())
    assert running(file) is None
