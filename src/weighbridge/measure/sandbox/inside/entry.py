"""Where the sandbox's interpreter begins: confine itself, report, then run what was asked."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from .confine import READY, confine


def main(arguments: list[str]) -> None:
    """Run one job.

    Args:
        arguments: uid, descriptor of the channel to the parent, limits as ``NAME=number`` with
            commas, then the command; ``judge`` alone means our own judge of functions.
    """
    uid, channel, limits, *command = arguments
    descriptor = int(channel)
    pairs = (one.split("=") for one in limits.split(","))
    confine({name: int(most) for name, most in pairs}, int(uid))
    os.write(descriptor, READY)
    if command == ["judge"]:
        from .judge import judge  # noqa: PLC0415 -- a command does not need it

        judge(descriptor)
        return
    _write_files()
    os.close(descriptor)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.execvp(command[0], command)  # noqa: S606 -- no shell, that is the point


def _write_files() -> None:
    from .plain import receive  # noqa: PLC0415

    for name, content in pickle.loads(receive(0)).items():  # noqa: S301 -- from our own parent
        path = Path.cwd() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755)
