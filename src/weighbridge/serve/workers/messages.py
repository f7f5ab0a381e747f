"""What a worker and its keeper tell each other: frames of MessagePack, their length ahead."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Final, cast

import msgspec

from weighbridge.core.gateway import ModelView
from weighbridge.core.routing import RouterConfig

_LENGTH: Final = struct.Struct("!I")
# A configuration with thousands of keys is far below this; more can only be a broken frame.
_MOST_BYTES: Final = 64 * 1024 * 1024


class _Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """One frame."""


# -- from a worker --------------------------------------------------------------------------------


class Listening(_Message, frozen=True):
    """The worker answers on the shared port."""


class Turn(_Message, frozen=True):
    """A request needs a model; the answer is a :class:`Turned` of the same number."""

    id: int
    model: str
    limit_s: float


class Cancel(_Message, frozen=True):
    """Whoever waited for this turn has left."""

    id: int


class Leave(_Message, frozen=True):
    """A request that had its turn has ended."""

    model: str


class Suspect(_Message, frozen=True):
    """Nobody answers for the model at this address; it may have ``refused`` the connection."""

    model: str
    url: str
    refused: bool = False


class Figures(_Message, frozen=True):
    """The worker's counters so far.

    Attributes:
        metrics: a snapshot of its metrics.
        in_flight: requests under way for each model that needs no turn.
        events: what its observers kept and lost.
        speeds: seconds to the first byte, and tokens a second, of each model.
    """

    metrics: bytes
    in_flight: dict[str, int]
    events: dict[str, int] = {}
    speeds: dict[str, tuple[float | None, float | None]] = {}


class Ask(_Message, frozen=True):
    """The worker wants something that only the keeper knows; answered by :class:`Told`."""

    id: int
    what: str


class Say(_Message, frozen=True):
    """A sentence for whoever runs the gateway."""

    line: str


class Refused(_Message, frozen=True):
    """The worker cannot use the configuration that it was sent, and keeps the one it has."""

    why: str


class Pong(_Message, frozen=True):
    """The answer to :class:`Ping`: the worker's loop turns."""


# -- from the keeper ------------------------------------------------------------------------------


class Address(msgspec.Struct, frozen=True, array_like=True):
    """An endpoint, its key included: it never leaves this machine's processes."""

    url: str
    model: str
    key: str | None


class Turned(_Message, frozen=True):
    """Where the model answers, or why no turn comes; ``retry_after_s`` where it is busy."""

    id: int
    addresses: tuple[Address, ...]
    problem: str = ""
    fix: str = ""
    retry_after_s: float | None = None


class Views(_Message, frozen=True):
    """How every model is doing, and which may be asked without a turn."""

    views: tuple[ModelView, ...]
    open: dict[str, tuple[Address, ...]]


class Configured(_Message, frozen=True):
    """The configuration to use from now on."""

    config: RouterConfig


class Told(_Message, frozen=True):
    """The answer to :class:`Ask`."""

    id: int
    body: bytes


class ReopenLog(_Message, frozen=True):
    """Log to a new file of the same name."""


class Ping(_Message, frozen=True):
    """Say that you live."""


class Drain(_Message, frozen=True):
    """Accept no more, let answers under way end, then leave."""


FromWorker = Listening | Turn | Cancel | Leave | Suspect | Figures | Ask | Say | Refused | Pong
FromKeeper = Turned | Views | Configured | Told | ReopenLog | Ping | Drain
Message = FromWorker | FromKeeper


class Channel(asyncio.Protocol):
    """One end of the socket between a worker and its keeper.

    Args:
        receive: is given every message.
        lost: is called once, when the other end is gone.
    """

    def __init__(self, receive: Callable[[Message], None], lost: Callable[[], None]) -> None:
        self._receive = receive
        self._lost = lost
        self._buffer = bytearray()
        self._decoder = msgspec.msgpack.Decoder(Message)
        self._encoder = msgspec.msgpack.Encoder()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take out whole frames."""
        buffer = self._buffer
        buffer += data
        begin = 0
        while len(buffer) - begin >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, begin)
            end = begin + _LENGTH.size + length
            if length > _MOST_BYTES:
                self.close()
                return
            if len(buffer) < end:
                break
            message = self._decoder.decode(bytes(buffer[begin + _LENGTH.size : end]))
            begin = end
            self._receive(message)
        del buffer[:begin]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's
        """The other end is gone."""
        self._transport = None
        self._lost()

    def send(self, message: Message) -> None:
        """Send, or forget it where the other end is gone."""
        if self._transport is not None:
            frame = self._encoder.encode(message)
            self._transport.write(_LENGTH.pack(len(frame)) + frame)

    def close(self) -> None:
        """Let go of the other end."""
        if self._transport is not None:
            self._transport.close()
