"""What many tests share: the demo's real models, and a workspace."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from weighbridge.verbs.effects import open_workspace
from weighbridge.workspace.folder import Workspace

# A script that starts us in the background makes us, and so every process we test, deaf to ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Processes that share the tests among them set these, and tables would fit themselves to them.
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# Chance belongs to developers, who can look into what it finds; a change under test must not fail
# on an example that has nothing to do with it.
# How long an example takes is the machine's business.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

DEMO = Path(__file__).parents[1] / "src/weighbridge/demo"


@pytest.fixture(scope="module", autouse=True)
def _short_collections() -> None:
    """Thousands of collected tests stay out of the garbage collector's sight.

    Else each full collection stops everything for half a second, in the middle of tests that
    serve and measure requests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of the demo's GGUF files."""
    return DEMO / "models"


@pytest.fixture(scope="session")
def suites() -> Path:
    """The folder of the demo's suites."""
    return DEMO / "suites"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return open_workspace(tmp_path / "workspace")
