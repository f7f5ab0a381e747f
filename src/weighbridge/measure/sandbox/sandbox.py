"""The sandbox: programs in, endings out. Blocks; may be used by several threads at once."""

from __future__ import annotations

import compileall
import os
import pickle
import platform
import queue
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.core.errors import SandboxError
from weighbridge.measure.sandbox.inside.confine import READY
from weighbridge.measure.sandbox.interpreter import PACKAGES, interpreter, package_mounts
from weighbridge.measure.sandbox.jail import INSIDE, SCRATCH, Mount, View, walls
from weighbridge.measure.sandbox.limits import Ended, Limits
from weighbridge.measure.sandbox.process import execute
from weighbridge.measure.sandbox.syscalls import system_call_filter

INSTALL = (
    "Install bubblewrap: `apt install bubblewrap`, or the package of that name of your system."
)
_HEAD = struct.Struct("<I")
_INSIDE = Path(__file__).parent / "inside"
_BEGIN = (
    f"import sys; sys.path[:0] = ['/sandbox']; sys.path.append('{PACKAGES}')\n"
    "from inside.entry import main; main(sys.argv[1:])"
)
# Far above the identities that systems give to people and services.
_FIRST_UID = 1_600_000_000
_SLOTS_PER_PROCESS = 64


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    Attributes:
        command: program and arguments; ``judge`` alone stands for our judge of functions.
        files: written before it starts, by path relative to where it starts.
        sent: frames on standard input after the files; only the judge reads them.
        limits: what it may use.
        packages: installed Python packages to show.
        mounts: more of the host to show, read-only.
        environment: variables beside the sandbox's own.
    """

    command: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    sent: tuple[bytes, ...] = ()
    limits: Limits = field(default_factory=Limits)
    packages: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Sandbox:
    """Runs programs, at most ``slots`` at once; who comes later waits."""

    def __init__(self, slots: int, *, bwrap: str | None = None) -> None:
        """Find what is needed; see :func:`weighbridge.measure.sandbox.self_test.open_sandbox`.

        Raises:
            SandboxError: bubblewrap is missing, or this kind of processor is not known.
        """
        path = bwrap or shutil.which("bwrap")
        if path is None:
            raise SandboxError("Code is not run: bubblewrap is not installed.", fix=INSTALL)
        filter_ = system_call_filter()
        if filter_ is None:
            raise SandboxError(
                f"Code is not run: on {platform.machine()} we have no system call filter.",
                fix="Evaluate code on a machine with x86_64 or aarch64.",
            )
        # Else each execution would compile our own code inside anew.
        compileall.compile_dir(_INSIDE, quiet=2)
        self.bwrap = path
        self.slots = min(slots, _SLOTS_PER_PROCESS)
        self._filter = filter_
        own = _identities(self.slots) if os.geteuid() == 0 else None
        self._root = own is not None
        self._uids: queue.SimpleQueue[int] = queue.SimpleQueue()
        for uid in own or [0] * self.slots:
            self._uids.put(uid)

    def run(self, program: Program) -> Ended:
        """Run it to its end.

        Raises:
            SandboxError: the sandbox itself failed; nothing foreign has run then.
        """
        with self._slot() as uid:
            ended = self._run(program, uid)
        if not ended.channel.startswith(READY):
            told = ended.stderr.decode(errors="replace").strip().splitlines()
            raise SandboxError(
                f"The sandbox did not start: {told[-1] if told else ended.ending}.", fix=hint(told)
            )
        return ended

    def python(self, source: str, limits: Limits | None = None) -> Ended:
        """Run a Python program."""
        command = (interpreter().program, "-I", "-S", "-c", source)
        return self.run(Program(command, limits=limits or Limits()))

    def _run(self, program: Program, uid: int) -> Ended:
        limits, python = program.limits, interpreter()
        view = View(
            mounts=(
                *program.mounts,  # first: they may have folders in which the others stand
                *python.mounts,
                *package_mounts(program.packages),
                Mount(str(_INSIDE), INSIDE),
            ),
            hidden=python.hidden,
            environment=_environment(python.library_path, program.environment),
        )
        # A name anew for each: a filter is read to its end, and a shared offset would be there.
        kept, writing = os.pipe()
        os.write(writing, self._filter)
        os.close(writing)
        channel = os.pipe()
        told = ",".join(f"{name}={most}" for name, most in limits.resource_limits.items())
        command = walls(self.bwrap, view, limits, filter_from=kept, root=self._root)
        command += ["--", python.program, "-I", "-S", "-B", "-c", _BEGIN, str(uid), str(channel[1])]
        command += [told, *program.command]
        return execute(command, sent=_frames(program), limits=limits, channel=channel, kept=kept)

    @contextmanager
    def _slot(self) -> Iterator[int]:
        uid = self._uids.get()
        try:
            yield uid
        finally:
            self._uids.put(uid)


def hint(told: Sequence[str]) -> str:
    """What may help against bubblewrap's complaint."""
    text = " ".join(told)
    if "Unknown option" in text:
        return "It needs bubblewrap 0.8 or newer."
    if "uid map" in text or "namespace" in text or "Permission denied" in text:
        return (
            "Unprivileged user namespaces seem to be forbidden. Ubuntu allows them for bubblewrap "
            "by an AppArmor profile (or `sysctl kernel.apparmor_restrict_unprivileged_userns=0`); "
            "a container needs to be started with --privileged or --cap-add SYS_ADMIN."
        )
    return "`weigh doctor` tries the sandbox and says what it lacks."


def _environment(library_path: str, more: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
        "LANG": "C.UTF-8",
        "LD_LIBRARY_PATH": library_path,
        # Numerical libraries start a thread per core, each with a large stack.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        **more,
    }


def _frames(program: Program) -> bytes:
    first = () if program.command == ("judge",) else (pickle.dumps(dict(program.files)),)
    return b"".join(_HEAD.pack(len(one)) + one for one in (*first, *program.sent))


def _identities(slots: int) -> range | None:
    """Identities that nobody else has, so that what is counted by identity is one sandbox's.

    None in a container whose root is the only one there.
    """
    highest = 0
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        inside, _, count = map(int, line.split())
        highest = max(highest, inside + count)
    first = _FIRST_UID + os.getpid() * _SLOTS_PER_PROCESS
    if first + slots > highest:  # a container that maps only few
        first = highest - 2 - (1 + os.getpid() % 60) * _SLOTS_PER_PROCESS
    return range(first, first + slots) if first > 0 else None
