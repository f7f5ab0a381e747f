"""The system call filter: what no program under test needs, and attacks begin with.

Names and numbers are those of Linux; the filter is classic BPF, as seccomp takes it.
"""

from __future__ import annotations

import errno
import platform
import struct

# name: number on x86_64, number on aarch64 (None: there is no such call)
_DENIED: dict[str, tuple[int | None, int | None]] = {
    # reaching into other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "move_pages": (279, 239),
    # new namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # memory that no limit of ours counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "vmsplice": (278, 75),
    # wide doors of the kernel
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "syslog": (103, 116),
    "personality": (135, 92),
    "modify_ldt": (154, None),
}
# Programs that meet ENOSYS fall back to an older call; EPERM would end some of them.
_ABSENT = frozenset({"io_uring_setup", "io_uring_enter", "io_uring_register"})
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_CLONE, _CLONE3, _MMAP = (56, 220), (435, 435), (9, 222)
_SOCKET, _SOCKETPAIR, _SETSOCKOPT = (41, 198), (53, 199), (54, 208)
_NEW_NAMESPACES = 0x7E020000 | 0x80
# Of sockets only Unix ones: event loops wake themselves by them, and what they hold can be counted
# (see watch). Others have no one to talk to in an empty network, larger buffers, or, as those of
# virtual machines, a way to the host.
_UNIX_FAMILY = 1
# Memory that is shared without a file lives on while no process has it mapped, uncounted.
_SHARING_BITS, _SHARED_WITHOUT_FILE = 0x2F, (0x21, 0x23)
_SOCKET_LEVEL, _BUFFER_SIZES = 1, (7, 8)

_LOAD, _AND, _EQUAL, _AT_LEAST = 0x20, 0x54, 0x15, 0x35
_HAS_BITS, _RETURN = 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(error: int) -> bytes:
    return _step(_RETURN, _ERRNO | error)


def _argument(index: int) -> bytes:
    """Load an argument's lower half."""
    return _step(_LOAD, _ARGUMENTS_AT + 8 * index)


def _where(number: int, *steps: bytes) -> list[bytes]:
    """Steps for one system call; they must end in a return."""
    return [_step(_EQUAL, number, 0, len(steps)), *steps]


def _by_arguments(column: int) -> list[bytes]:
    """What depends on how a call is made."""
    allow = _step(_RETURN, _ALLOW)
    others, buffers = _refuse(errno.EAFNOSUPPORT), _refuse(0)  # a size not set is no error
    unix = (_argument(0), _step(_EQUAL, _UNIX_FAMILY, 1, 0), others, allow)
    return [
        *_where(_CLONE[column], _argument(0), _step(_HAS_BITS, _NEW_NAMESPACES, 0, 1),
                _refuse(errno.EPERM), allow),
        *_where(_MMAP[column], _argument(3), _step(_AND, _SHARING_BITS),
                _step(_EQUAL, _SHARED_WITHOUT_FILE[0], 1, 0),
                _step(_EQUAL, _SHARED_WITHOUT_FILE[1], 0, 1), _refuse(errno.EPERM), allow),
        *_where(_SOCKET[column], *unix),
        *_where(_SOCKETPAIR[column], *unix),
        *_where(_SETSOCKOPT[column], _argument(1), _step(_EQUAL, _SOCKET_LEVEL, 0, 4),
                _argument(2), _step(_EQUAL, _BUFFER_SIZES[0], 1, 0),
                _step(_EQUAL, _BUFFER_SIZES[1], 0, 1), buffers, allow),
    ]  # fmt: skip


def system_call_filter(machine: str | None = None) -> bytes | None:
    """The filter for a kind of processor, this one's by default; None where we have none."""
    known = _MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    column, audit = known
    steps = [_step(_LOAD, _MACHINE_AT), _step(_EQUAL, audit, 1, 0), _step(_RETURN, _KILL)]
    steps.append(_step(_LOAD, _NUMBER_AT))
    if column == 0:  # the x32 numbers of the same calls
        steps += [_step(_AT_LEAST, 0x40000000, 0, 1), _refuse(errno.EPERM)]
    for name, numbers in _DENIED.items():
        number = numbers[column]
        if number is not None:
            error = errno.ENOSYS if name in _ABSENT else errno.EPERM
            steps += [_step(_EQUAL, number, 0, 1), _refuse(error)]
    # Its arguments lie in memory, where a filter cannot look; libraries fall back to clone.
    steps += [_step(_EQUAL, _CLONE3[column], 0, 1), _refuse(errno.ENOSYS)]
    steps += [*_by_arguments(column), _step(_RETURN, _ALLOW)]
    return b"".join(steps)
