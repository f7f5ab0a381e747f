"""The small program between the gateway and an engine: when the gateway goes, the engine goes.

Run by its file name with ``python -I -S``, so that it starts in milliseconds and loads nothing of
ours: ``guardian.py PARENT_PID PROGRAM ARGUMENT…``. Its standard input is the gateway's hold on it:
``stop SECONDS`` ends the engine gently, the end of the pipe at once. On Linux it adopts what the
engine leaves behind, in whichever process group or session: it has no children left only when
nothing of the engine is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER = 36
_ROUND_MS = 1000
_KILL_ROUND_S = 0.05
# What outlives the process that we started gets this much of the time to end.
_LEFT_BEHIND = 0.5


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value)


def descendants(of: int) -> list[int]:
    """Every process below ``of``, parents before their children; by /proc, else none."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208 -- pathlib takes longer to load than we run
            if name.isdigit() and (parent := _parent(name)) is not None:
                children.setdefault(parent, []).append(int(name))
    found, left = [], [of]
    while left:
        below = children.get(left.pop(0), [])
        found += below
        left += below
    return found


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 -- as above
            # The name stands in brackets and may contain anything, brackets too.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _start(argv: list[str]) -> int:
    """The engine, in a session of its own; its output is ours, its input empty."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(argv[0], argv)  # noqa: S606 -- no shell on purpose
    except OSError as error:
        os.write(2, f"{argv[0]} cannot be started: {error.strerror}.\n".encode())
    os._exit(127)


class _Engine:
    """The process that we started, and whatever it starts."""

    def __init__(self, root: int) -> None:
        self._root = root
        self.status: int | None = None
        self.anything_left = True

    def reap(self) -> None:
        """Take note of all that has ended."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._root:
                    self.status = os.waitstatus_to_exitcode(status)
        self.anything_left = False

    def signal_all(self, number: int) -> None:
        """To everything; what is stopped is woken, or it could not act on it."""
        for pid in descendants(os.getpid()):
            _send(pid, number)
            _send(pid, signal.SIGCONT)
        if sys.platform != "linux":
            with contextlib.suppress(OSError):
                os.killpg(self._root, number)

    def end(self, grace_s: float) -> None:
        """First the process that we started, which may tidy up; then the rest; then by force."""
        deadline = time.monotonic() + grace_s
        if self.status is None and grace_s > 0:
            _send(self._root, signal.SIGTERM)
            _send(self._root, signal.SIGCONT)
            while self.status is None and time.monotonic() < deadline:
                self._wait()
        if self.anything_left and grace_s > 0:
            self.signal_all(signal.SIGTERM)
            rest = min(deadline, time.monotonic() + _LEFT_BEHIND * grace_s)
            while self.anything_left and time.monotonic() < rest:
                self._wait()
        while self.anything_left:
            self.signal_all(signal.SIGKILL)
            self._wait()

    def _wait(self) -> None:
        time.sleep(_KILL_ROUND_S / 5)
        self.reap()


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _asked_to_stop(wakes: int, parent: int, engine: _Engine) -> float | None:
    """Wait until the engine ends by itself (None) or is to end, and how gently."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(wakes, select.POLLIN)
    told = b""
    while True:
        for descriptor, _ in poll.poll(_ROUND_MS):
            try:
                data = os.read(descriptor, 512)
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.EINTR):
                    continue
                data = b""
            if descriptor == wakes:
                if signal.SIGTERM in data:
                    return 1.0
                continue
            if not data:
                return 0.0
            told += data
            if b"\n" in told:
                return float(told.split()[1])
        engine.reap()
        if engine.status is not None:
            return None
        if os.getppid() != parent:
            return 0.0


def main() -> None:
    """Run the engine; end as it ends, and only when nothing of it is left."""
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wakes, wake = os.pipe()
    for end in (wakes, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    engine = _Engine(_start(argv))
    grace_s = _asked_to_stop(wakes, parent, engine)
    engine.reap()
    # An engine that ended by itself may have left workers: they had their chance.
    engine.end(grace_s or 0.0)
    code = engine.status if engine.status is not None else 1
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
