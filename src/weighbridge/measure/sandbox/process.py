"""One execution seen from outside: feed it, read it, watch it, end it as a whole."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from weighbridge.measure.sandbox.limits import Ended, Ending, Limits
from weighbridge.measure.sandbox.watch import excess

_CHUNK = 1 << 16
_CHANNEL_BYTES = 1 << 16
_LOOK_EVERY_S = 0.1
# After the kill the kernel only has to clear away; longer means that something is wrong with it.
_GONE_WITHIN_S = 10.0


@dataclass(slots=True)
class _Stream:
    """Output being read, up to a limit."""

    most: int
    content: bytearray = field(default_factory=bytearray)

    def read(self, descriptor: int) -> bool:
        """Whether more may come."""
        part = os.read(descriptor, _CHUNK)
        self.content += part[: self.most + 1 - len(self.content)]
        return bool(part)

    @property
    def is_over(self) -> bool:
        return len(self.content) > self.most


class _Execution:
    """The open descriptors of one execution, and what they brought."""

    def __init__(
        self, process: subprocess.Popen[bytes], channel: int, sent: bytes, limits: Limits
    ) -> None:
        self.process = process
        self.limits = limits
        self.stdout = _Stream(limits.output_bytes)
        self.stderr = _Stream(limits.output_bytes)
        self.channel = _Stream(_CHANNEL_BYTES)
        self._unsent = memoryview(sent)
        self._selector = selectors.DefaultSelector()
        if not (process.stdin and process.stdout and process.stderr):
            raise AssertionError("unreachable: we asked for pipes")
        for descriptor, stream in (
            (process.stdout.fileno(), self.stdout),
            (process.stderr.fileno(), self.stderr),
            (channel, self.channel),
        ):
            self._selector.register(descriptor, selectors.EVENT_READ, stream)
        os.set_blocking(process.stdin.fileno(), False)
        self._selector.register(process.stdin.fileno(), selectors.EVENT_WRITE)

    def run(self) -> Ending:
        """Until all of its output has ended or a limit is reached."""
        begin = looked = time.monotonic()
        while self._selector.get_map():
            now = time.monotonic()
            left = self.limits.wall_s - (now - begin)
            if left <= 0:
                return "timeout"
            self._serve(min(left, _LOOK_EVERY_S))
            if self.stdout.is_over or self.stderr.is_over:
                return "output"
            # Until our own code has begun there, what is seen inside is still the host's.
            if self.channel.content and now - looked >= _LOOK_EVERY_S:
                looked = now
                over = excess(self.process.pid, self.limits)
                if over:
                    return over
        return "finished"

    def drain(self) -> None:
        """Read until every process inside is gone: only then do the pipes end."""
        deadline = time.monotonic() + _GONE_WITHIN_S
        while self._selector.get_map() and time.monotonic() < deadline:
            self._serve(_LOOK_EVERY_S)

    def close(self) -> None:
        self._selector.close()

    def _serve(self, wait_s: float) -> None:
        for key, _ in self._selector.select(wait_s):
            stream = key.data
            open_still = stream.read(key.fd) if stream else self._write(key.fd)
            if not open_still:
                self._selector.unregister(key.fd)
                if not stream and self.process.stdin:
                    self.process.stdin.close()

    def _write(self, descriptor: int) -> bool:
        try:
            self._unsent = self._unsent[os.write(descriptor, self._unsent[:_CHUNK]) :]
        except BrokenPipeError:
            return False
        return bool(self._unsent)


def execute(
    command: Sequence[str], *, sent: bytes, limits: Limits, channel: tuple[int, int], kept: int
) -> Ended:
    """Run the command to its end, whatever that is; when this returns, nothing of it is left.

    Args:
        command: bubblewrap with all that follows.
        sent: what it gets on standard input.
        limits: what it may use.
        channel: a pipe; its writing end goes to the command, and both are closed here.
        kept: another descriptor for the command, closed here too.
    """
    begin = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(channel[1], kept),
            env={},
        )
    except OSError:
        os.close(channel[0])
        raise
    finally:
        os.close(channel[1])
        os.close(kept)
    with process:
        execution = _Execution(process, channel[0], sent, limits)
        try:
            ending = execution.run()
            if ending == "finished":  # all pipes have ended; its exit status follows at once
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=_GONE_WITHIN_S)
        finally:
            process.kill()  # its pid namespace dies with it
            execution.drain()
            execution.close()
            os.close(channel[0])
    code = process.returncode
    return Ended(
        ending,
        code if code >= 0 else 128 - code,
        bytes(execution.stdout.content[: limits.output_bytes]),
        bytes(execution.stderr.content[: limits.output_bytes]),
        bytes(execution.channel.content),
        time.monotonic() - begin,
    )
