from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.core.gateway_admin import RunningGateway
from weighbridge.workspace.gateways import announce, running, vanished, withdraw

URL = "http://127.0.0.1:8081"
OTHER = "http://127.0.0.1:9081"


def test_what_is_announced_is_found_until_it_is_withdrawn(tmp_path: Path) -> None:
    root = tmp_path / "new" / ".weighbridge"
    assert running(root) == ()
    announce(root, URL, os.getpid())
    assert running(root) == (RunningGateway(URL, os.getpid()),)
    files = [path.name for path in (root / "gateways").iterdir()]
    assert files == [f"{os.getpid()}.json"], "no draft is left"
    withdraw(root, os.getpid())
    assert running(root) == ()
    assert list(root.iterdir()) == []
    withdraw(root, os.getpid())


def test_two_gateways_of_a_folder_do_not_hide_each_other(tmp_path: Path) -> None:
    first, second = RunningGateway(URL, os.getppid()), RunningGateway(OTHER, os.getpid())
    announce(tmp_path, URL, first.pid)
    os.utime(tmp_path / "gateways" / f"{first.pid}.json", (1e9 + 1e9, 1e9 + 1e9))
    announce(tmp_path, OTHER, second.pid)
    os.utime(tmp_path / "gateways" / f"{second.pid}.json", (2e9 + 1, 2e9 + 1))
    assert running(tmp_path) == (first, second)
    withdraw(tmp_path, second.pid)
    assert running(tmp_path) == (first,)


def test_a_file_that_is_older_than_the_process_of_its_number_is_anothers(tmp_path: Path) -> None:
    announce(tmp_path, URL, os.getpid())
    os.utime(tmp_path / "gateways" / f"{os.getpid()}.json", (1e9, 1e9))
    assert running(tmp_path) == ()
    assert vanished(tmp_path) == RunningGateway(URL, os.getpid())


def test_a_killed_gateway_runs_no_more(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    announce(tmp_path, URL, process.pid)
    assert running(tmp_path) == (RunningGateway(URL, process.pid),)
    assert vanished(tmp_path) is None
    process.kill()
    process.wait()
    assert running(tmp_path) == ()
    assert vanished(tmp_path) == RunningGateway(URL, process.pid)
    announce(tmp_path, OTHER, os.getpid())
    assert vanished(tmp_path) is None, "the next one clears up"
    assert running(tmp_path) == (RunningGateway(OTHER, os.getpid()),)


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
    assert running(tmp_path) == ()


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
    (tmp_path / "gateways").mkdir()
    (tmp_path / "gateways" / "1.json").write_bytes(text.encode("latin-1"))
    assert running(tmp_path) == ()


def test_what_cannot_be_written_is_not_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    announce(file, URL, os.getpid())
    assert running(file) == ()
