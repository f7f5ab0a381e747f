"""Where the gateway listens: ``host:port``, ``[IPv6]:port`` or ``unix:path``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.http import parse_url
from weighbridge.core.routing import KeyEntry, RouterConfig
from weighbridge.serve.config.faults import Fault, Path
from weighbridge.serve.config.values import port
from weighbridge.serve.guard import is_loopback, leads_here

_HOST = re.compile(r"\[[0-9A-Fa-f:.%\w]+\]|[\w.-]*")
_UNIX = "unix:"
# The kernel's limit for the path of a socket, its closing zero included, is 108.
_LONGEST_SOCKET = 107


@dataclass(frozen=True, slots=True)
class Listen:
    """One address to listen on.

    Attributes:
        host: name or IP address, without brackets; empty for a Unix socket.
        port: 0 for any free one.
        path: of a Unix socket, as written; empty otherwise.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return bool(self.path) or is_loopback(self.host)


def parse_listen(text: str) -> Listen:
    """The address that ``text`` names.

    >>> parse_listen("[::1]:8080")
    Listen(host='::1', port=8080, path='')
    >>> parse_listen("unix:/run/weigh.sock").path
    '/run/weigh.sock'

    Raises:
        ConfigError: it is of none of these forms.
    """
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if not path or "\0" in path or len(path.encode()) > _LONGEST_SOCKET:
            raise ConfigError(
                f"`{text}` is no path of a socket.", fix="For example unix:/run/weighbridge.sock."
            )
        return Listen(path=path)
    host, colon, number = text.rpartition(":")
    found = port(number)
    if not colon or found is None or not _HOST.fullmatch(host):
        raise ConfigError(f"`listen: {text}` is not host:port.", fix="For example 127.0.0.1:8080.")
    return Listen(host=host.strip("[]") or "127.0.0.1", port=found)


def listens(config: RouterConfig) -> tuple[str, ...]:
    """Every address to listen on, as written."""
    return (config.listen,) if isinstance(config.listen, str) else config.listen


def first_listen(config: RouterConfig) -> str:
    """The first address to listen on."""
    return listens(config)[0]


def listen_address(listen: str) -> tuple[str, int]:
    """Host and port of ``host:port``.

    Raises:
        ConfigError: it is not of that form.
    """
    found = parse_listen(listen)
    if found.path:
        raise ConfigError(
            f"`listen: {listen}` is not host:port.", fix="For example 127.0.0.1:8080."
        )
    return found.host, found.port


def address_faults(config: RouterConfig, folder: FilePath, instead: int | None) -> Iterator[Fault]:
    """Of ``listen`` and ``admin``, and models that are the gateway itself.

    Args:
        config: what to check.
        folder: where it lies.
        instead: the port that takes the place of the first address's.
    """
    several = not isinstance(config.listen, str)
    if not listens(config):
        yield Fault(("listen",), "there has to be an address, for example 127.0.0.1:8080")
    ports: list[int] = []
    seen: set[Listen] = set()
    for number, text in enumerate(listens(config)):
        path: Path = ("listen", number) if several else ("listen",)
        try:
            address = parse_listen(text)
        except ConfigError as error:
            yield Fault(path, str(error).rstrip("."))
            continue
        if address in seen and address.port != 0:
            yield Fault(path, f"{text} stands twice")
        seen.add(address)
        yield from _reach(config, address, text, path, folder)
        if not address.path:
            ports.append(address.port if number or instead is None else instead)
    yield from _admin(config, seen)
    yield from _loops(config, ports)


def _reach(
    config: RouterConfig, address: Listen, text: str, path: Path, folder: FilePath
) -> Iterator[Fault]:
    if not address.is_local and not config.keys:
        yield Fault(
            path,
            f"{text} is not a loopback address, and `keys` is empty, so everybody on the network "
            "could use the models; make a key with `weigh keys new`, or listen on 127.0.0.1",
        )
    if address.path and not (folder / address.path).parent.is_dir():
        yield Fault(path, f"there is no folder {(folder / address.path).parent}")


def _admin(config: RouterConfig, listening: set[Listen]) -> Iterator[Fault]:
    if config.admin is None:
        return
    try:
        address = parse_listen(config.admin)
    except ConfigError as error:
        yield Fault(("admin",), str(error).rstrip(".").replace("listen: ", ""))
        return
    admins = any(isinstance(key, KeyEntry) and key.admin for key in config.keys)
    if not address.is_local and not admins:
        yield Fault(
            ("admin",),
            f"{config.admin} is not a loopback address, and no key has `admin: true`, so everybody "
            "on the network could stop the engines",
        )
    if address in listening and (address.path or address.port != 0):
        yield Fault(("admin",), f"{config.admin} is where the gateway listens for clients")


def _loops(config: RouterConfig, ports: list[int]) -> Iterator[Fault]:
    """Models that are the gateway itself, under whichever of its names."""
    for name, entry in config.models.items():
        several = not isinstance(entry.url, str)
        for number, text in enumerate(entry.urls):
            try:
                url = parse_url(text)
            except InputError:
                continue
            if url.port in ports and leads_here(url.host):
                path: Path = ("models", name, "url", *([number] if several else []))
                yield Fault(path, f"{text} is where the gateway itself listens")
