"""Where the sandbox's interpreter begins: confine itself, report, then run what was asked."""

from __future__ import annotations

import os

from .confine import NOT_RUN, READY, confine

_NOT_FOUND = 127  # as shells say it


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
    os.set_inheritable(descriptor, False)  # the program does not get it
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    try:
        os.execvp(command[0], command)  # noqa: S606 -- no shell, that is the point
    except OSError as error:
        os.write(descriptor, NOT_RUN + (error.strerror or "").encode())
        raise SystemExit(_NOT_FOUND) from None


def _write_files() -> None:
    from .plain import receive, trusted  # noqa: PLC0415

    for name, content in trusted(receive(0)).items():
        folder = os.path.dirname(name)  # noqa: PTH120 -- pathlib takes milliseconds to import
        if folder:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        with open(name, "wb") as file:  # noqa: PTH123
            file.write(content)
        os.chmod(name, 0o755)  # noqa: PTH101, S103 -- the sandbox's own
