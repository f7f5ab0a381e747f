"""The walls: arguments of bubblewrap, from what an execution may see. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from weighbridge.measure.sandbox.limits import Limits

SCRATCH = "/tmp"  # noqa: S108 -- the sandbox's own
INSIDE = "/sandbox/inside"
# Whom processes seem to be, where a user namespace hides who started them.
_NOBODY = "65534"
# Not /dev/zero: mapped as shared, it is memory without a limit.
_DEVICES = ("/dev/null", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the host, and where it stands inside, read-only."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class View:
    """What a program inside sees.

    Attributes:
        mounts: of the host, read-only.
        hidden: folders therein that are empty inside.
        environment: all there is of it.
    """

    mounts: tuple[Mount, ...]
    hidden: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def walls(bwrap: str, view: View, limits: Limits, *, filter_from: int, root: bool) -> list[str]:
    """The command line of bubblewrap up to the program to run.

    Args:
        bwrap: its path.
        view: what is seen inside.
        limits: of these, the size of the disk.
        filter_from: descriptor from which the system call filter is read.
        root: whether we are root: then no user namespace is needed, and our own code inside gives
            up root as its first act, for which it keeps the right to change identity.
    """
    arguments = [bwrap, "--die-with-parent", "--new-session", "--clearenv"]
    arguments += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    arguments += ["--unshare-cgroup-try", "--hostname", "sandbox", "--cap-drop", "ALL"]
    if root:
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        arguments += ["--unshare-user", "--uid", _NOBODY, "--gid", _NOBODY]
    for name, value in view.environment.items():
        arguments += ["--setenv", name, value]
    arguments += _files(view)
    arguments += ["--perms", "1777", "--size", str(limits.disk_bytes), "--tmpfs", SCRATCH]
    # The root of the file system is a file system in memory too, and has no size of its own.
    arguments += ["--remount-ro", "/", "--chdir", SCRATCH, "--seccomp", str(filter_from)]
    return arguments


def _files(view: View) -> Sequence[str]:
    arguments: list[str] = []
    # Made on the way, they would be closed to all but their owner.
    ways = {str(way) for mount in view.mounts for way in PurePosixPath(mount.target).parents}
    for way in sorted(ways - {"/"} | {"/dev"}):
        arguments += ["--perms", "0755", "--dir", way]
    for mount in view.mounts:
        arguments += ["--ro-bind", mount.source, mount.target]
    for folder in view.hidden:
        arguments += ["--tmpfs", folder, "--remount-ro", folder]
    for device in _DEVICES:
        arguments += ["--dev-bind", device, device]
    return arguments
