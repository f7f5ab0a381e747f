from __future__ import annotations

import errno
import struct

import pytest

from weighbridge.measure.sandbox.syscalls import system_call_filter

_X86, _ARM = 0xC000003E, 0xC00000B7
_ALLOWED, _KILLED = 0x7FFF0000, 0x80000000


def _run(program: bytes, machine: int, number: int, *arguments: int) -> int:
    """What the kernel would do: a machine with one register and four kinds of step."""
    seen = struct.pack("=IIQ6Q", number, machine, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    steps = list(struct.iter_unpack("=HBBI", program))
    register, at = 0, 0
    for _ in range(len(steps)):
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == 0x20:
            (register,) = struct.unpack_from("=I", seen, value)
        elif code == 0x54:
            register &= value
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: register == value, 0x35: register >= value, 0x45: register & value}
            at += if_true if holds[code] else if_false
    raise AssertionError("ran past its end")


def _refused(error: int) -> int:
    return 0x00050000 | error


@pytest.mark.parametrize(
    ("machine", "name", "numbers"),
    [(_X86, "x86_64", (0, 101, 56, 435, 41)), (_ARM, "aarch64", (63, 117, 220, 435, 198))],
)
def test_what_is_refused(machine: int, name: str, numbers: tuple[int, int, int, int, int]) -> None:
    read, ptrace, clone, clone3, socket = numbers
    program = system_call_filter(name)
    assert program is not None
    assert len(program) // 8 < 4096  # the kernel takes no more
    assert _run(program, machine, read) == _ALLOWED
    assert _run(program, machine, ptrace) == _refused(errno.EPERM)
    assert _run(program, machine, 425) == _refused(errno.ENOSYS)
    assert _run(program, machine, clone3) == _refused(errno.ENOSYS)
    assert _run(program, machine, clone, 0x01200011) == _ALLOWED  # as fork calls it
    assert _run(program, machine, clone, 0x10000000) == _refused(errno.EPERM)
    families = {number: _run(program, machine, socket, number) for number in (1, 2, 10, 16, 17, 40)}
    assert [number for number, ruling in families.items() if ruling == _ALLOWED] == [1]
    assert families[40] == _refused(errno.EAFNOSUPPORT)


@pytest.mark.parametrize(
    ("machine", "name", "numbers"),
    [(_X86, "x86_64", (9, 53, 54)), (_ARM, "aarch64", (222, 199, 208))],
)
def test_stores_that_no_limit_counts_are_refused(
    machine: int, name: str, numbers: tuple[int, int, int]
) -> None:
    mmap, socketpair, setsockopt = numbers
    program = system_call_filter(name)
    assert program is not None
    private, shared, validated = 0x22, 0x21, 0x23
    assert _run(program, machine, mmap, 0, 4096, 3, private) == _ALLOWED
    assert _run(program, machine, mmap, 0, 4096, 3, shared & ~0x20) == _ALLOWED  # of a file
    assert _run(program, machine, mmap, 0, 4096, 3, private | 0x4000) == _ALLOWED
    for flags in (shared, validated, shared | 0x8000):
        assert _run(program, machine, mmap, 0, 4096, 3, flags) == _refused(errno.EPERM)
    assert _run(program, machine, socketpair, 1) == _ALLOWED
    assert _run(program, machine, socketpair, 30) == _refused(errno.EAFNOSUPPORT)
    told = [_run(program, machine, setsockopt, 3, 1, option) for option in (7, 8, 9)]
    assert told == [_refused(0), _refused(0), _ALLOWED]
    assert _run(program, machine, setsockopt, 3, 6, 7) == _ALLOWED


def test_calls_in_the_words_of_another_processor_end_the_program() -> None:
    program = system_call_filter("x86_64")
    assert program is not None
    assert _run(program, 0x40000003, 0) == _KILLED  # 32-bit calls
    assert _run(program, _X86, 0x40000000 + 101) == _refused(errno.EPERM)  # x32


def test_unknown_processors_have_no_filter() -> None:
    assert system_call_filter("riscv64") is None
