"""Where a workspace says which gateways run: a small file for each, so that others find them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from weighbridge.core.gateway_admin import RunningGateway

_FOLDER: Final = "gateways"
# A workspace may have come from elsewhere: its file leads nowhere but to this machine.
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
# A process that began so long after the file was written is another one with its number. Clocks
# are set now and then, so a little later is no proof.
_LATER_S: Final = 60.0


def announce(root: Path, admin_url: str, pid: int) -> None:
    """Say that a gateway runs; what cannot be written is not said.

    Files of gateways that were killed are removed.

    Args:
        root: the workspace's folder, made where there is none.
        admin_url: of the admin port, for example ``http://127.0.0.1:8081``.
        pid: the gateway's process.
    """
    folder = root / _FOLDER
    draft = folder / f".{pid}.draft"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        for path, said in _announced(root):
            if not _lives(path, said):
                path.unlink(missing_ok=True)
        draft.write_bytes(msgspec.json.encode(RunningGateway(admin_url, pid)))
        draft.replace(folder / f"{pid}.json")


def withdraw(root: Path, pid: int) -> None:
    """The gateway of this process ends."""
    folder = root / _FOLDER
    with contextlib.suppress(OSError):
        (folder / f"{pid}.json").unlink(missing_ok=True)
        folder.rmdir()  # the last one; else it is not empty


def running(root: Path) -> tuple[RunningGateway, ...]:
    """The gateways that announced themselves here and whose processes live, the newest last."""
    return tuple(
        said for path, said in _announced(root) if _is_here(said.admin_url) and _lives(path, said)
    )


def vanished(root: Path) -> RunningGateway | None:
    """The newest of those whose process has ended without withdrawing its word."""
    gone = [said for path, said in _announced(root) if not _lives(path, said)]
    return gone[-1] if gone else None


def _announced(root: Path) -> list[tuple[Path, RunningGateway]]:
    """Every file and what it says, the newest last."""
    found = []
    for path in (root / _FOLDER).glob("*.json"):
        with contextlib.suppress(OSError):
            said = _read(path)
            if said is not None:
                found.append((path.stat().st_mtime_ns, path, said))
    return [(path, said) for _, path, said in sorted(found, key=lambda one: one[:2])]


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


def _lives(path: Path, said: RunningGateway) -> bool:
    """Whether the process that wrote the file is still there."""
    import psutil  # noqa: PLC0415 -- only where a gateway has announced itself

    if said.pid <= 0:
        return False
    try:
        return psutil.Process(said.pid).create_time() <= path.stat().st_mtime + _LATER_S
    except (psutil.NoSuchProcess, OverflowError, OSError):
        return False
    except psutil.Error:  # it is another user's
        return True
