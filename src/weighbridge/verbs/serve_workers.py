"""A gateway of several processes: one keeps the engines, the others pass requests on."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from weighbridge.core.errors import ExternalError
from weighbridge.core.routing import RouterConfig
from weighbridge.serve.access.keyed import KeyedAccess
from weighbridge.serve.budgets.opening import ledger_place
from weighbridge.serve.center import Center
from weighbridge.serve.config import Listen, key_digests
from weighbridge.serve.workers.keeper import Keeper, worker_argv
from weighbridge.wire.server import bound_socket

_MODULE = "weighbridge.verbs.serve_worker"


class WorkerSettings(msgspec.Struct, frozen=True):
    """What a worker is told when it starts; the configuration comes over its channel.

    Attributes:
        folder: where the configuration lies.
        workspace: where captures go.
        rates: the file that workers share.
        listens: host and port, or the path of a Unix socket.
        sockets: descriptors of the Unix sockets, in that order.
        grace_s: how long answers under way may take when it ends.
    """

    folder: str
    workspace: str
    rates: str
    listens: tuple[tuple[str, int, str], ...]
    sockets: tuple[int, ...]
    grace_s: float


@asynccontextmanager
async def working(
    center: Center,
    wanted: tuple[Listen, ...],
    folder: Path,
    *,
    grace_s: float,
    workspace: Path,
    environment: Mapping[str, str],
) -> AsyncIterator[tuple[str, ...]]:
    """Workers that answer, while the context lasts; yields the addresses.

    Raises:
        ExternalError: an address is taken, or a worker did not start.
    """
    del environment  # workers inherit it
    with contextlib.ExitStack() as stack:
        rates, memory = _shared_rates(stack)
        listens, sockets = _reserved(wanted, folder, stack)
        settings = WorkerSettings(
            folder=_absolute(folder),
            workspace=_absolute(workspace),
            rates=rates,
            listens=tuple((one.host, one.port, one.path) for one in listens),
            sockets=tuple(sock.fileno() for sock in sockets),
            grace_s=grace_s,
        )

        async def answer(what: str) -> bytes:
            await center.looked()
            return center.metrics() if what == "metrics" else b""

        keeper = Keeper(
            center.fleet,
            (*worker_argv(_MODULE), msgspec.json.encode(settings).decode()),
            center.config.workers,
            config=center.config,
            answer=answer,
            tell=center.tell,
            descriptors=settings.sockets + memory,
        )
        # Never asked for a request: it reads what the workers have spent.
        access = _access(center.config, folder, center)
        center.figures = lambda: list(keeper.figures)
        center.events = lambda: keeper.events
        center.spendings, center.look = access.spendings, access.look
        center.more_in_flight = keeper.in_flight
        center.speed = keeper.speed
        center.reopen_logs = keeper.reopen_logs

        def apply(config: RouterConfig) -> None:
            access.reload(config, key_digests(config))
            keeper.reconfigure(config)

        center.apply = apply
        try:
            await keeper.start()
            yield tuple(_url(one, folder, tls=center.config.tls is not None) for one in listens)
        finally:
            await keeper.close(grace_s)
            await access.close()


def _shared_rates(stack: contextlib.ExitStack) -> tuple[str, tuple[int, ...]]:
    """A file for the rates that all workers count, and descriptors that they need to open it.

    Where the system has files that are memory only, nothing of it is left behind when the gateway
    is killed.
    """
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("weighbridge-rates")
        stack.callback(os.close, descriptor)
        return f"/proc/self/fd/{descriptor}", (descriptor,)
    runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="weighbridge-"))
    return os.fspath(Path(runtime) / "rates"), ()


def _absolute(path: Path) -> str:
    return os.fspath(path.absolute())


def _access(config: RouterConfig, folder: Path, center: Center) -> KeyedAccess:
    return KeyedAccess(
        config, key_digests(config), ledger=ledger_place(config, folder), tell=center.tell
    )


def _reserved(
    wanted: tuple[Listen, ...], folder: Path, stack: contextlib.ExitStack
) -> tuple[tuple[Listen, ...], list[socket.socket]]:
    """Every address with its real port, kept for the workers while the stack lasts.

    A port is bound here without listening: so port 0 becomes one port for all workers, nobody else
    gets it while a worker is replaced, and no connection ends up where nobody accepts it.
    """
    listens: list[Listen] = []
    unix: list[socket.socket] = []
    for one in wanted:
        if one.path:
            path = folder / one.path
            sock = stack.enter_context(bound_socket(path))
            stack.callback(path.unlink, missing_ok=True)
            unix.append(sock)
            listens.append(one)
        else:
            sock = stack.enter_context(_bound(one))
            listens.append(Listen(one.host, sock.getsockname()[1]))
    return tuple(listens), unix


def _bound(one: Listen) -> socket.socket:
    try:
        found = socket.getaddrinfo(one.host, one.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError as error:
        raise ExternalError(
            f"Cannot listen on port {one.port} of {one.host}: {error.strerror or error}.",
            fix="Choose another with --port, or stop what uses it.",
        ) from error
    return sock


def _url(one: Listen, folder: Path, *, tls: bool) -> str:
    if one.path:
        return f"unix:{folder / one.path}"
    host = f"[{one.host}]" if ":" in one.host else one.host
    return f"{'https' if tls else 'http'}://{host}:{one.port}"
