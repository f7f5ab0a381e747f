"""Who listens on a local port, and how much memory it holds."""

from __future__ import annotations

import ipaddress

import psutil

from weighbridge.core.http import Url


def listener_memory_bytes(url: Url) -> int | None:
    """Resident memory of the process tree that listens at a loopback address.

    None when the address is another machine's, or the process may not be seen.
    """
    if not _is_loopback(url.host):
        return None
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr:
                continue
            address, port = connection.laddr
            mine = port == url.port and _answers(address, url.host)
            if mine and connection.pid is not None:
                return tree_memory_bytes(connection.pid)
    except psutil.Error:
        pass  # not ours to see
    return None


def tree_memory_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants; those that vanish meanwhile count nothing.

    Raises:
        psutil.Error: the process itself is gone or may not be seen.
    """
    root = psutil.Process(pid)
    total = 0
    for process in (root, *root.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _answers(address: str, host: str) -> bool:
    """Whether what listens at ``address`` is reached through ``host``, a loopback name."""
    if ipaddress.ip_address(address).is_unspecified:
        return True
    return _is_loopback(address) if host == "localhost" else address == host


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
