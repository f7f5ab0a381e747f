"""`weigh ui --gateway` as a user starts it, and what it says to a wrong address."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.cli.runner import WEIGH, weigh
from tests.fakes.gateway import FakeGateway, admin_port


def page(address: str) -> str:
    """What is at the address, once its server listens."""
    for _ in range(200):
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:  # noqa: S310 -- our own
                text: str = answer.read().decode()
                return text
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError(f"nobody answers at {address}")


def test_the_page_shows_the_gateway_at_the_address(tmp_path: Path) -> None:
    with admin_port(FakeGateway()) as url:
        ui = subprocess.Popen(
            [*WEIGH, "ui", "--port", "0", "--gateway", url],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "WEIGHBRIDGE_UI_TOKEN": ""},
        )
        assert ui.stderr is not None
        try:
            found = re.search(r"http://\S+:\d+/", ui.stderr.readline())
            assert found is not None
            assert "4 models: 2 ready, 1 stopped, 1 failed." in page(f"{found[0]}gateway")
        finally:
            ui.send_signal(signal.SIGTERM)
            ui.wait(20)
            ui.stderr.close()


def test_a_wrong_address_is_said_at_once(tmp_path: Path) -> None:
    done = weigh("ui", "--gateway", "ftp://x", cwd=tmp_path)
    assert done.code == 2
    assert "is not an http or https address" in done.err
