"""Work that the pages start: verbs in child processes, which end with the server of the pages."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.core.errors import InputError

PROGRESS_VARIABLE: Final = "WEIGHBRIDGE_PROGRESS"
"""Set to ``json``, progress is told in lines of JSON, for a program that reads along."""

_LINES_KEPT: Final = 40
_PATIENCE_S: Final = 20.0
# The child's own command line, after what makes it end when we do.
_CHILD: Final = (
    "import sys; from weighbridge.engines.lifeline import die_with_parent; "
    "die_with_parent(int(sys.argv.pop(1))); from weighbridge.cli.main import main; main()"
)


class Step(msgspec.Struct, frozen=True):
    """A line of progress.

    Attributes:
        stage: what is done.
        done: steps done.
        total: steps there are; 0 where nobody knows.
        note: what else there is to say.
    """

    stage: str
    done: int
    total: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """How a piece of work stands.

    Attributes:
        name: of what is worked on.
        command: the command line, as a person would write it.
        step: the last progress told, or None.
        lines: the last of what it said.
        code: its exit code; None while it runs.
    """

    name: str
    command: str
    step: Step | None
    lines: tuple[str, ...]
    code: int | None

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.code is None


class Background:
    """Pieces of work by name, one of each at a time. Start them from one thread only."""

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Begin ``weigh ARGUMENTS``.

        Raises:
            InputError: work of that name goes on already.
        """
        child = self._children.get(name)
        if child is not None and child.code is None:
            raise InputError(f"{child.command} runs already.", fix="Wait for it, or stop it.")
        self._children[name] = _Child(name, arguments)

    def find(self, name: str) -> Work | None:
        """How the work of that name stands; None where there was none."""
        child = self._children.get(name)
        return None if child is None else child.work()

    def stop(self, name: str) -> bool:
        """Ask the work to end, as ctrl-C does; whether there was any."""
        child = self._children.get(name)
        return child is not None and child.interrupt()

    def close(self) -> None:
        """End all work, and wait for it."""
        for child in self._children.values():
            child.interrupt()
        for child in self._children.values():
            child.wait()


class _Child:
    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self._name = name
        self.command = " ".join(("weigh", *arguments))
        self._step: Step | None = None
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        # It reads its standard input only to notice our end; ctrl-C here is ours to pass on.
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(os.getpid()), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, PROGRESS_VARIABLE: "json"},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def code(self) -> int | None:
        # What it said last is read before it counts as ended.
        return None if self._reader.is_alive() else self._process.poll()

    def work(self) -> Work:
        return Work(self._name, self.command, self._step, tuple(self._lines), self.code)

    def interrupt(self) -> bool:
        if self._process.poll() is not None:
            return False
        self._process.send_signal(signal.SIGINT)
        return True

    def wait(self) -> None:
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        pipe = self._process.stderr
        for raw in pipe or ():
            line = raw.decode("utf-8", "replace").rstrip()
            try:
                self._step = msgspec.json.decode(line, type=Step)
            except msgspec.DecodeError:
                if line:
                    self._lines.append(line)
        self._process.wait()


def is_free(port: int) -> bool:
    """Whether this machine's loopback address has that port to give at this moment."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
