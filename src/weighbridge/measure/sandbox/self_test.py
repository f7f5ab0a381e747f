"""Does the sandbox hold? Every limit is tried once, for real, before any foreign code runs."""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from weighbridge.core.errors import SandboxError
from weighbridge.measure.sandbox.interpreter import interpreter
from weighbridge.measure.sandbox.limits import MIB, Ended, Limits
from weighbridge.measure.sandbox.sandbox import Sandbox

_QUICK = Limits(wall_s=20.0, cpu_s=5, memory_bytes=256 * MIB, processes=16, disk_bytes=8 * MIB)
_FEW = replace(_QUICK, total_memory_bytes=64 * MIB)
_LISTENING = """
import socket, sys
def reached(family, address):
    try:
        one = socket.socket(family, socket.SOCK_STREAM)
        one.settimeout(1)
        one.connect(address)
    except OSError:
        return False
    return True
assert not reached(socket.AF_INET, ("127.0.0.1", PORT))
assert not reached(socket.AF_UNIX, "\\0" + "NAME")
assert not reached(socket.AF_INET, ("192.0.2.1", 80))
print("held")
"""
_FILES = """
import os
for path in ("/etc/passwd", "/etc/shadow", "/proc/1/environ", "/home", PLACE):
    assert not os.path.exists(path), path
assert set(os.environ) <= set(ALLOWED), sorted(os.environ)
for folder in ("/", "/dev", "/sandbox/inside", os.path.dirname(os.__file__)):
    try:
        open(os.path.join(folder, "written"), "w")
    except OSError:
        continue
    raise AssertionError(folder)
open("/tmp/written", "w").write("here it may")
print("held")
"""
_DISK = """
written = 0
try:
    for number in range(64):
        with open(f"/tmp/{number}", "wb") as file:
            written += file.write(bytes(1 << 20))
except OSError:
    pass
assert written <= 9 << 20, written
print("held")
"""
_SHARED_MEMORY = """
import mmap
for there in (lambda: -1, lambda: open("/dev/zero", "r+b").fileno()):
    try:
        mmap.mmap(there(), 1 << 20)
    except OSError:
        continue
    raise AssertionError("it was granted")
print("held")
"""
_TOTAL_MEMORY = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        break
held = bytearray(os.urandom(1)) * (40 << 20)
time.sleep(30)
"""
_SOCKET_BUFFERS = """
import socket, time
held = []
try:
    while True:
        for one in socket.socketpair():
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
            one.setblocking(False)
            held.append(one)
            try:
                while True:
                    one.send(bytes(1 << 16))
            except BlockingIOError:
                pass
except OSError:
    time.sleep(30)
"""
_PROCESSES = """
import os, time
children = 0
try:
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)
        children += 1
except OSError:
    pass
assert 1 <= children < 16, children
print("held")
"""
_PRIVILEGES = """
import ctypes, os
assert os.getuid() != 0 and os.geteuid() != 0
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x10000000) == -1
assert libc.ptrace(0, 0, 0, 0) == -1
assert libc.mount(b"none", b"/tmp", b"tmpfs", 0, 0) == -1
try:
    os.setuid(0)
except OSError:
    print("held")
"""
_ALLOWED = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "PWD",
]


@dataclass(frozen=True, slots=True)
class Probe:
    """One limit, what tries to break it, and how one sees that it held."""

    name: str
    source: str
    limits: Limits
    held: Callable[[Ended], bool]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a probe: ``broke`` is empty where the limit held."""

    name: str
    broke: str = ""


def _says_held(ended: Ended) -> bool:
    return ended.ending == "finished" and ended.stdout.strip() == b"held"


def _ended_for_memory(ended: Ended) -> bool:
    return ended.ending == "memory"


def probes(port: int, name: str, place: str) -> tuple[Probe, ...]:
    """All of them.

    Args:
        port: where something of ours listens on the host's loopback.
        name: the abstract Unix socket on which it also listens.
        place: a file of the host that is to be out of sight.
    """
    listening = _LISTENING.replace("PORT", str(port)).replace("NAME", name)
    files = _FILES.replace("PLACE", repr(place)).replace("ALLOWED", repr(_ALLOWED))
    memory = "try:\n    bytearray(3 << 30)\nexcept MemoryError:\n    print('held')"
    return (
        Probe("network", listening, _QUICK, _says_held),
        Probe("files", files, _QUICK, _says_held),
        Probe("privileges", _PRIVILEGES, _QUICK, _says_held),
        Probe("memory", memory, _QUICK, _says_held),
        Probe("shared memory", _SHARED_MEMORY, _QUICK, _says_held),
        Probe("memory of all processes", _TOTAL_MEMORY, _FEW, _ended_for_memory),
        Probe("socket buffers", _SOCKET_BUFFERS, _FEW, _ended_for_memory),
        Probe("disk", _DISK, _QUICK, _says_held),
        Probe("processes", _PROCESSES, _QUICK, _says_held),
        Probe(
            "processor time",
            "while True: pass",
            replace(_QUICK, cpu_s=1),
            lambda ended: ended.ending == "finished" and ended.status == 128 + 24,
        ),
        Probe(
            "wall clock",
            "import time; time.sleep(60)",
            replace(_QUICK, wall_s=1.0),
            lambda ended: ended.ending == "timeout",
        ),
        Probe(
            "output",
            "import sys\nwhile True: sys.stdout.write('x' * 65536)",
            replace(_QUICK, output_bytes=MIB),
            lambda ended: ended.ending == "output" and len(ended.stdout) <= MIB,
        ),
    )


def self_test(sandbox: Sandbox) -> tuple[Tried, ...]:
    """Try every limit, now.

    Raises:
        SandboxError: nothing can be started at all.
    """
    name = f"weighbridge-{os.getpid()}-{os.urandom(4).hex()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        tempfile.NamedTemporaryFile(prefix="weighbridge-probe-") as place,
    ):
        unix.bind(f"\0{name}")
        unix.listen()
        all_probes = probes(tcp.getsockname()[1], name, place.name)
        with ThreadPoolExecutor(sandbox.slots) as pool:
            return tuple(pool.map(functools.partial(_try, sandbox), all_probes))


def _try(sandbox: Sandbox, probe: Probe) -> Tried:
    ended = sandbox.python(probe.source, probe.limits)
    if probe.held(ended):
        return Tried(probe.name)
    last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
    told = "".join(last) or f"{ended.ending}, exit status {ended.status}"
    return Tried(probe.name, told[:200])


def open_sandbox(slots: int, *, bwrap: str | None = None, cache: Path | None = None) -> Sandbox:
    """A sandbox that was tried since the machine started, or is now.

    Raises:
        SandboxError: there is none, or a limit does not hold; says which.
    """
    sandbox = Sandbox(slots, bwrap=bwrap)
    broken = [one for one in tried_sandbox(sandbox, cache=cache) if one.broke]
    if broken:
        raise SandboxError(
            f"Code is not run: the sandbox does not limit {broken[0].name} ({broken[0].broke}).",
            fix="`weigh doctor` shows what holds and what does not.",
        )
    return sandbox


def tried_sandbox(
    sandbox: Sandbox, *, cache: Path | None = None, anew: bool = False
) -> tuple[Tried, ...]:
    """What came of every limit; where all held since the machine started, it is not tried again.

    Raises:
        SandboxError: nothing can be started at all.
    """
    note, state = (cache or _cache_folder()) / "sandbox.json", _state(sandbox)
    if not anew and _noted(note) == state:
        return tuple(Tried(probe.name) for probe in probes(0, "", ""))
    tried = self_test(sandbox)
    if not any(one.broke for one in tried):
        _note(note, state)
    return tried


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "weighbridge"


def _state(sandbox: Sandbox) -> str:
    """All on which the result rests: the machine's start, the container, programs, our code."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    around = [str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in ("user", "mnt")]
    times = [Path(path).stat().st_mtime_ns for path in (sandbox.bwrap, interpreter().program)]
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        code.update(path.read_bytes())
    who = os.geteuid()
    parts = (boot, around, who, sandbox.bwrap, times, interpreter().program, code.hexdigest())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _noted(note: Path) -> str | None:
    try:
        if note.stat().st_uid != os.geteuid():  # somebody else's word
            return None
        return msgspec.json.decode(note.read_bytes(), type=dict[str, str]).get("holds")
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _note(note: Path, state: str) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_bytes(msgspec.json.encode({"holds": state}))
    except OSError:  # then it is tried again the next time
        return
