"""What the other rooms of the gateway need of a configuration, worked out once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from weighbridge.core.gateway_admin import KEY_VARIABLE
from weighbridge.core.routing import KeyEntry, Limits, MachineEntry, RouterConfig
from weighbridge.core.units import parse_seconds, parse_size
from weighbridge.serve.config.clients import digest, digest_of
from weighbridge.serve.config.values import share
from weighbridge.serve.config.variables import key_name

_SHARE_OF_MACHINE = 0.9


@dataclass(frozen=True, slots=True)
class LimitFigures:
    """:class:`Limits` in bytes and seconds."""

    header_bytes: int
    body_bytes: int
    read_s: float
    idle_s: float
    write_s: float
    first_byte_s: float
    between_bytes_s: float
    connect_s: float
    queue: int
    queue_wait_s: float
    connections: int
    drain_s: float


def limit_figures(limits: Limits) -> LimitFigures:
    """The limits in bytes and seconds.

    Raises:
        InputError: one of them is no size or duration.
    """
    return LimitFigures(
        header_bytes=parse_size(limits.header),
        body_bytes=parse_size(limits.body),
        read_s=parse_seconds(limits.read),
        idle_s=parse_seconds(limits.idle),
        write_s=parse_seconds(limits.write),
        first_byte_s=parse_seconds(limits.first_byte),
        between_bytes_s=parse_seconds(limits.between_bytes),
        connect_s=parse_seconds(limits.connect),
        queue=limits.queue,
        queue_wait_s=parse_seconds(limits.queue_wait),
        connections=limits.connections,
        drain_s=parse_seconds(limits.drain),
    )


def memory_budget(machine: MachineEntry, device_bytes: int | None) -> int | None:
    """Bytes that engines may take together, reserve taken off; None where that is not known.

    Args:
        machine: says how much, or which share.
        device_bytes: the memory of the devices where models lie, where it is known.

    Raises:
        InputError: what is said is no size and no share.
    """
    said = machine.memory
    part = _SHARE_OF_MACHINE if said is None else share(said)
    if part is None and said is not None:
        total = parse_size(said)
    elif part is not None and device_bytes is not None:
        total = int(part * device_bytes)
    else:
        return None
    return max(0, total - parse_size(machine.reserve))


def key_digests(
    config: RouterConfig, environment: Mapping[str, str] | None = None
) -> tuple[tuple[bytes, KeyEntry], ...]:
    """Every key's SHA-256 digest, and what it allows; keys without a token to be had are left out.

    For a configuration that :func:`read_config` gave, the environment is not needed.
    """
    environment = os.environ if environment is None else environment
    found = []
    for number, key in enumerate(config.keys):
        kept = digest_of(key, environment)
        if kept is not None:
            entry = key if isinstance(key, KeyEntry) else KeyEntry(name=key_name(key, number))
            found.append((kept, entry))
    return tuple(found)


def with_digests(config: RouterConfig, environment: Mapping[str, str]) -> RouterConfig:
    """The configuration with every key as its digest: no token is left in it."""
    keys = tuple(
        msgspec.structs.replace(entry, hash=f"sha256:{kept.hex()}", env=None)
        for kept, entry in key_digests(config, environment)
    )
    return msgspec.structs.replace(config, keys=keys)


def secret_variables(config: RouterConfig, environment: Mapping[str, str]) -> frozenset[str]:
    """The variables that hold keys: of clients, of other servers, and an administrator's.

    A checked configuration keeps only digests, so clients' keys are found by what variables hold.
    """
    digests = {kept for kept, _ in key_digests(config, environment)}
    held = {name for name, text in environment.items() if digest(text.strip()) in digests}
    others = {entry.key_env for entry in config.models.values() if entry.key_env is not None}
    return frozenset(held | others | {KEY_VARIABLE})


def digest_text(token: str) -> str:
    """What stands in a configuration in a token's place: ``sha256:`` and its digest."""
    return f"sha256:{digest(token).hex()}"
