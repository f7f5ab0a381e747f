"""Running Python in a terminal of a chosen width, and what it shows there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

from tests.cli.runner import WEIGH

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def shown(command: Sequence[str], *, columns: int, cwd: Path) -> str:
    """What ``command`` writes on standard output, a terminal; styles removed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    environment["TERM"] = "xterm"
    with subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=theirs, stdin=theirs, stderr=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        chunks = []
        while chunk := _read(ours):
            chunks.append(chunk)
    os.close(ours)
    assert process.returncode == 0
    return _STYLES.sub("", b"".join(chunks).decode()).replace("\r\n", "\n")


def weigh_shows(*words: str | Path, columns: int, cwd: Path) -> str:
    """What a verb shows in a terminal."""
    return shown([*WEIGH, *map(str, words)], columns=columns, cwd=cwd)


def python_shows(code: str, *, columns: int, cwd: Path) -> str:
    """What a program shows in a terminal."""
    return shown([sys.executable, "-c", code], columns=columns, cwd=cwd)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux: the other side is closed
        return b""
