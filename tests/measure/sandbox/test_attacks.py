"""Programs that try to break out or to use more than they may. Each runs for real."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from weighbridge.measure.sandbox.limits import MIB, Ended, Limits
from weighbridge.measure.sandbox.sandbox import Sandbox
from weighbridge.measure.sandbox.watch import descendants

_LIMITS = Limits(wall_s=20, cpu_s=5, memory_bytes=256 * MIB, processes=16, disk_bytes=8 * MIB)


def _refused(sandbox: Sandbox, attack: str, limits: Limits = _LIMITS) -> Ended:
    """The attack, an expression or statements, must end in OSError (or a kind of it)."""
    lines = "".join(f"    {line}\n" for line in attack.strip().splitlines())
    source = f"import os, socket, signal\ntry:\n{lines}except OSError as e:\n    print('held', e)"
    ended = sandbox.python(source, limits)
    assert ended.stdout.startswith(b"held"), (ended.stdout, ended.stderr)
    return ended


def _called(sandbox: Sandbox, call: str) -> bytes:
    """What a call into the C library gave, and the error number."""
    source = (
        "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); "
        f"print({call}, ctypes.get_errno())"
    )
    return sandbox.python(source).stdout


# -- network -----------------------------------------------------------------------------------


def test_the_hosts_loopback_is_out_of_reach(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()  # it does listen
        server.accept()[0].close()
        _refused(sandbox, f"socket.create_connection(('127.0.0.1', {port}), 2)")


def test_abstract_unix_sockets_of_the_host_are_out_of_reach(sandbox: Sandbox) -> None:
    name = f"\0weighbridge-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        _refused(sandbox, f"socket.socket(socket.AF_UNIX).connect({name!r})")


def test_unix_sockets_in_the_hosts_files_are_out_of_reach(sandbox: Sandbox) -> None:
    folder = Path("/tmp") / f"weighbridge-test-{os.getpid()}"  # noqa: S108 -- short enough
    folder.mkdir()
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(folder / "s"))
            server.listen()
            _refused(sandbox, f"socket.socket(socket.AF_UNIX).connect({str(folder / 's')!r})")
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "attack",
    [
        "socket.create_connection(('192.0.2.1', 80), 2)",
        "socket.getaddrinfo('example.org', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    ],
)
def test_no_way_into_the_network(sandbox: Sandbox, attack: str) -> None:
    _refused(sandbox, attack)


# -- files, environment ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/shadow",
        "/proc/self/environ",
        "/proc/1/root/etc/passwd",
        "/sys/kernel",
        "/dev/mem",
        "/dev/kmsg",
        "/var/run/docker.sock",
        str(Path(__file__)),
        str(Path.home()),
        sys.executable if sys.prefix != sys.base_prefix else "/usr/bin/env",
    ],
)
def test_the_hosts_files_are_out_of_sight(sandbox: Sandbox, path: str) -> None:
    # Folders on the way to the interpreter exist, with nothing else in them.
    attack = (
        f"p = {path!r}; print('saw', os.listdir(p) if os.path.isdir(p) else open(p, 'rb').read(9))"
    )
    ended = sandbox.python(f"import os\ntry:\n    {attack}\nexcept OSError: print('held')")
    seen = ended.stdout.decode().strip()
    assert seen == "held" or seen in ("saw []", f"saw {_on_the_way(path)}"), seen


def _on_the_way(folder: str) -> list[str]:
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    inside = [p for p in base.parents if p == Path(folder)]
    return [base.relative_to(inside[0]).parts[0]] if inside else []


def test_links_lead_nowhere(sandbox: Sandbox) -> None:
    _refused(sandbox, "os.symlink('/etc/shadow', '/tmp/a')\nopen('/tmp/a').read()")
    _refused(sandbox, "os.symlink('/../../../../etc', '/tmp/a')\nos.listdir('/tmp/a')")
    _refused(sandbox, "os.link('/etc/shadow', '/tmp/a')")


def test_secrets_of_the_environment_stay_outside(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_TEST_SECRET", "swordfish")
    ended = sandbox.python("import os; print(dict(os.environ), os.getppid(), os.uname())")
    assert b"HOME" in ended.stdout
    assert b"swordfish" not in ended.stdout
    assert socket.gethostname().encode() not in ended.stdout


@pytest.mark.parametrize(
    "folder", ["/", "/dev", "/sandbox", "/sandbox/inside", "/lib", str(Path(os.__file__).parent)]
)
def test_nothing_is_written_outside_the_scratch_folder(sandbox: Sandbox, folder: str) -> None:
    _refused(sandbox, f"open(os.path.join({folder!r}, 'written'), 'w')")
    _refused(sandbox, f"os.chmod({folder!r}, 0o777)")


def test_nothing_stays_for_the_next_program(sandbox: Sandbox) -> None:
    first = sandbox.python("open('/tmp/left', 'w').write('x'); print('wrote')")
    assert first.stdout == b"wrote\n"
    second = sandbox.python("import os; print(os.listdir('/tmp'))")
    assert second.stdout == b"[]\n"


# -- processor, memory, disk -------------------------------------------------------------------


def test_three_gib_of_memory_are_refused(sandbox: Sandbox) -> None:
    source = "try:\n    bytearray(3 << 30)\nexcept MemoryError:\n    print('held')"
    assert sandbox.python(source).stdout == b"held\n"


def test_many_processes_may_not_share_out_memory(sandbox: Sandbox) -> None:
    source = """
import os, time
for _ in range(12):
    if os.fork() == 0:
        held = b"x" * (150 << 20)
        time.sleep(30)
time.sleep(30)
"""
    limits = replace(_LIMITS, total_memory_bytes=400 * MIB)
    ended = sandbox.python(source, limits)
    assert ended.ending == "memory"
    assert ended.wall_s < 15


@pytest.mark.parametrize(
    "attack",
    [
        "libc.memfd_create(b'x', 0)",
        "libc.shmget(0, 1 << 30, 0o1777)",
        "libc.syscall(425, 8, 0)",
    ],
)
def test_memory_that_no_limit_counts_is_not_given(sandbox: Sandbox, attack: str) -> None:
    assert _called(sandbox, attack).startswith(b"-1 ")


def test_an_endless_loop_ends(sandbox: Sandbox) -> None:
    ended = sandbox.python("while True: pass", replace(_LIMITS, cpu_s=1))
    assert ended.status == 128 + signal.SIGXCPU
    ended = sandbox.python("while True: pass", replace(_LIMITS, wall_s=0.7))
    assert ended.ending == "timeout"
    assert ended.wall_s < 5


def test_ignoring_the_signal_of_spent_processor_time_does_not_help(sandbox: Sandbox) -> None:
    source = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    ended = sandbox.python(source, replace(_LIMITS, cpu_s=1))
    assert ended.status == 128 + signal.SIGKILL


def test_sleeping_for_ever_ends(sandbox: Sandbox) -> None:
    ended = sandbox.python("import time; time.sleep(1e6)", replace(_LIMITS, wall_s=0.7))
    assert ended.ending == "timeout"


def test_a_fork_bomb_dies_as_a_whole(sandbox: Sandbox) -> None:
    source = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
    before = set(descendants(os.getpid()))
    ended = sandbox.python(source, replace(_LIMITS, wall_s=1.5))
    assert ended.ending == "timeout"
    assert ended.wall_s < 10
    assert set(descendants(os.getpid())) <= before


def test_processes_are_counted(sandbox: Sandbox) -> None:
    source = """
import os, time
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            time.sleep(9)
            os._exit(0)
        made += 1
except OSError:
    print(made, flush=True)
    os._exit(0)
"""
    ended = sandbox.python(source)
    assert 1 <= int(ended.stdout) < Limits().processes


def test_threads_are_counted_too(sandbox: Sandbox) -> None:
    source = """
import threading, time
made = 0
try:
    while made < 500:
        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
        made += 1
except RuntimeError:
    print(made)
"""
    ended = sandbox.python(source, replace(Limits(), memory_bytes=2048 * MIB))
    assert 1 <= int(ended.stdout) < Limits().processes


def test_one_large_file_is_refused(sandbox: Sandbox) -> None:
    source = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    file = open("/tmp/a", "wb", buffering=0)
    for _ in range(1000):
        file.write(bytes(1 << 20))
except OSError as error:
    print("held", file.tell() >> 20)
"""
    ended = sandbox.python(source, replace(_LIMITS, disk_bytes=64 * MIB, file_bytes=4 * MIB))
    assert ended.stdout == b"held 4\n"


def test_many_files_fill_no_disk(sandbox: Sandbox) -> None:
    source = """
import os
size = 0
try:
    for number in range(1000):
        with open(f"/tmp/{number}", "wb") as file:
            size += file.write(bytes(1 << 20))
except OSError:
    print("held", size >> 20)
"""
    ended = sandbox.python(source, replace(_LIMITS, disk_bytes=8 * MIB))
    assert ended.stdout in (b"held 7\n", b"held 8\n")


def test_a_million_empty_files_are_not_made(sandbox: Sandbox) -> None:
    source = "number = 0\nwhile True:\n    open(f'/tmp/{number}', 'w').close()\n    number += 1"
    ended = sandbox.python(source, replace(_LIMITS, files=500))
    assert ended.ending == "files"
    assert ended.wall_s < 5


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_output_is_cut(sandbox: Sandbox, stream: str) -> None:
    source = f"import sys\nwhile True: sys.{stream}.write('x' * 65536)"
    ended = sandbox.python(source, replace(_LIMITS, output_bytes=MIB))
    assert ended.ending == "output"
    assert len(ended.stdout) + len(ended.stderr) == MIB


def test_a_huge_exception_is_cut(sandbox: Sandbox) -> None:
    ended = sandbox.python("raise ValueError('x' * (20 << 20))", replace(_LIMITS, output_bytes=MIB))
    assert ended.ending == "output"
    assert len(ended.stderr) == MIB


# -- other processes ---------------------------------------------------------------------------


def test_the_parent_cannot_be_killed(sandbox: Sandbox) -> None:
    source = """
import os, signal, time
for pid in (os.getppid(), 1):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
time.sleep(0.2)
print("still here", os.getppid())
"""
    assert sandbox.python(source).stdout == b"still here 1\n"


def test_processes_of_the_host_cannot_be_signalled(sandbox: Sandbox) -> None:
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        _refused(sandbox, f"os.kill({victim.pid}, signal.SIGKILL)")
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_another_sandbox_cannot_be_signalled(sandbox: Sandbox) -> None:
    calm: list[Ended] = []
    source = "import time; time.sleep(2); print('undisturbed')"
    thread = threading.Thread(target=lambda: calm.append(sandbox.python(source)))
    thread.start()
    time.sleep(0.5)
    attack = """
import os, signal
for pid in range(2, 100_000):
    if pid != os.getpid():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
try:
    os.kill(-1, signal.SIGKILL)
except OSError:
    pass
print("tried")
"""
    assert sandbox.python(attack).stdout == b"tried\n"
    thread.join()
    assert calm[0].stdout == b"undisturbed\n"


def test_what_it_leaves_behind_dies_with_it(sandbox: Sandbox) -> None:
    source = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
print("parent done")
"""
    before = set(descendants(os.getpid()))
    ended = sandbox.python(source)
    assert ended.ending == "finished"
    assert ended.wall_s < 10
    assert set(descendants(os.getpid())) <= before


@pytest.mark.parametrize(
    "attack",
    [
        "libc.ptrace(16, os.getppid(), 0, 0)",
        "libc.ptrace(0, 0, 0, 0)",
        "libc.unshare(0x10000000)",
        "libc.setns(0, 0)",
        "libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0)",
        "libc.chroot(b'/tmp')",
        "libc.syscall(438, 1, 1, 0)",
    ],
)
def test_calls_that_attacks_begin_with_are_refused(sandbox: Sandbox, attack: str) -> None:
    assert _called(sandbox, attack) == b"-1 1\n"


def test_it_is_not_root_and_cannot_become_it(sandbox: Sandbox) -> None:
    _refused(sandbox, "assert os.getuid() and os.geteuid() and os.getgid()\nos.setuid(0)")
    _refused(sandbox, "os.setgroups([0])")


def test_limits_cannot_be_raised(sandbox: Sandbox) -> None:
    source = """
import resource
for name in ("AS", "CPU", "FSIZE", "NPROC", "NOFILE"):
    kind = getattr(resource, "RLIMIT_" + name)
    try:
        resource.setrlimit(kind, (resource.RLIM_INFINITY,) * 2)
    except (OSError, ValueError):
        continue
    raise SystemExit(name)
print("held")
"""
    assert sandbox.python(source).stdout == b"held\n"


# -- memory beside the pages of a process --------------------------------------------------------


@pytest.mark.parametrize("handle", ["-1", "open('/dev/zero', 'r+b').fileno()"])
def test_memory_shared_without_a_file_is_refused(sandbox: Sandbox, handle: str) -> None:
    _refused(sandbox, f"import mmap\nmmap.mmap({handle}, 4096)")


def test_shared_pages_of_files_count(sandbox: Sandbox) -> None:
    source = """
import mmap, time
file = open("/tmp/shared", "w+b")
file.truncate(96 << 20)
pages = mmap.mmap(file.fileno(), 0)
for at in range(0, len(pages), 4096):
    pages[at] = 1
time.sleep(30)
"""
    room = replace(_LIMITS, disk_bytes=128 * MIB, file_bytes=128 * MIB)
    ended = sandbox.python(source, replace(room, total_memory_bytes=64 * MIB))
    assert ended.ending == "memory"


def test_pages_that_processes_share_count_once(sandbox: Sandbox) -> None:
    source = """
import os, time
held, first = b"x" * (48 << 20), os.getpid()
for _ in range(3):
    if os.getpid() == first:
        os.fork()
time.sleep(0.5)
print("done", flush=True)
if os.getpid() == first:  # with its end all would end
    for _ in range(3):
        os.wait()
"""
    ended = sandbox.python(source, replace(_LIMITS, total_memory_bytes=96 * MIB))
    assert (ended.ending, ended.stdout.count(b"done")) == ("finished", 4)


def test_full_socket_buffers_count(sandbox: Sandbox) -> None:
    """Even those of sockets that lie, closed, in a message on its way."""
    source = """
import array, socket, time
box, other = socket.socketpair()
box.setblocking(False)
for _ in range(100):
    one, two = socket.socketpair()
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    try:
        while True:
            one.send(bytes(1 << 16))
    except BlockingIOError:
        pass
    passed = array.array("i", [one.fileno(), two.fileno()])
    box.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
    one.close(), two.close()
time.sleep(30)
"""
    ended = sandbox.python(source, replace(_LIMITS, total_memory_bytes=64 * MIB))
    assert ended.ending == "memory", (ended.ending, ended.stderr)


def test_event_loops_and_pools_still_work(sandbox: Sandbox) -> None:
    source = """
import asyncio, multiprocessing
async def wait():
    await asyncio.sleep(0)
    return 1
print(asyncio.run(wait()))
ours, theirs = multiprocessing.Pipe()
theirs.send("x")
print(ours.recv())
"""
    ended = sandbox.python(source)
    assert ended.stdout == b"1\nx\n", ended.stderr
