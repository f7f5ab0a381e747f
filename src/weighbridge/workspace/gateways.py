"""Where a workspace says that a gateway runs: a small file, so that ``weigh ui`` finds it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from weighbridge.core.gateway_admin import RunningGateway

_FILE: Final = "gateway.json"
# A workspace may have come from elsewhere: its file leads nowhere but to this machine.
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def announce(root: Path, admin_url: str, pid: int) -> None:
    """Say that a gateway runs; what cannot be written is not said.

    Args:
        root: the workspace's folder, made where there is none.
        admin_url: of the admin port, for example ``http://127.0.0.1:8081``.
        pid: the gateway's process.
    """
    path = root / _FILE
    draft = path.with_name(f".{_FILE}.{pid}.draft")
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(msgspec.json.encode(RunningGateway(admin_url, pid)))
        draft.replace(path)


def withdraw(root: Path, pid: int) -> None:
    """The gateway of this process ends; what another has announced since stays."""
    said = _read(root / _FILE)
    if said is not None and said.pid == pid:
        with contextlib.suppress(OSError):
            (root / _FILE).unlink(missing_ok=True)


def running(root: Path) -> RunningGateway | None:
    """The gateway that announced itself here and whose process lives."""
    said = _read(root / _FILE)
    if said is None or not _is_here(said.admin_url) or not _is_alive(said.pid):
        return None
    return said


def vanished(root: Path) -> RunningGateway | None:
    """A gateway that announced itself here and whose process has ended without withdrawing it."""
    said = _read(root / _FILE)
    return said if said is not None and not _is_alive(said.pid) else None


def _read(path: Path) -> RunningGateway | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunningGateway)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _is_here(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    except OverflowError:
        return False
    return True
