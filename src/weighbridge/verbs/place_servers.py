"""The servers that a placement means, and how to start them."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

from weighbridge.core.machine import Machine
from weighbridge.core.placement import Option, Placement
from weighbridge.verbs.place_file import PUBLISHED, Demand
from weighbridge.verbs.place_options import SHARE_STEP, Resolve

_FIRST_PORT: Final = 8000
_VISIBLE: Final = {"NVIDIA": "CUDA_VISIBLE_DEVICES", "AMD": "HIP_VISIBLE_DEVICES"}


@dataclass(frozen=True, slots=True)
class Server:
    """One server to start.

    Attributes:
        site: its machine.
        devices: numbers within it.
        model: what it serves, with format and TP.
        serves: the models or tasks that it is for.
        share: of each device's memory, which it must be told.
        load: of each device's time.
        port: where it listens; unlike that of all others on its machine.
        command: how to start it with vLLM.
    """

    site: str
    devices: tuple[int, ...]
    model: str
    serves: tuple[str, ...]
    share: float
    load: float
    port: int
    command: str


def servers_of(
    placement: Placement,
    machines: Mapping[str, Machine],
    demands: Mapping[str, Demand],
    resolve: Resolve,
) -> tuple[Server, ...]:
    """The servers, with those that several use once."""
    rows: dict[tuple[str, tuple[int, ...], str], list[tuple[str, Option]]] = defaultdict(list)
    for one in placement.placed:
        for site, devices in zip(one.site, one.devices, strict=True):
            key = one.option.server or f"{one.option.label} of {one.wanted}"
            rows[site, devices, key].append((one.wanted, one.option))
    ports = {site: count(_FIRST_PORT) for site in machines}
    return tuple(
        _server(
            (site, devices, next(ports[site])),
            users,
            machines[site],
            demands=demands,
            resolve=resolve,
        )
        for (site, devices, _), users in sorted(rows.items())
    )


def _server(
    at: tuple[str, tuple[int, ...], int],
    users: list[tuple[str, Option]],
    machine: Machine,
    *,
    demands: Mapping[str, Demand],
    resolve: Resolve,
) -> Server:
    site, devices, port = at
    first = users[0][1]
    used = first.memory_bytes + sum(o.memory_bytes - o.shared_bytes for _, o in users[1:])
    share = round(SHARE_STEP * used / machine.device.memory_bytes) / SHARE_STEP
    label = first.label.partition(" ×")[0]
    sequences = sum(option.users for _, option in users)
    name, _, rest = label.partition(" ")
    format_ = rest.partition(" · TP")[0]
    converted = format_ != resolve(name, PUBLISHED).quantization.name
    checkpoint, after = _checkpoint(name, format_, converted=converted)
    words = [
        "--port", str(port),
        "--tensor-parallel-size", str(first.devices),
        "--gpu-memory-utilization", f"{share:.3f}",
        "--max-model-len", str(max(demands[name].context for name, _ in users)),
        "--max-num-seqs", str(sequences),
    ]  # fmt: skip
    if converted and not after:
        words += ["--quantization", format_]
    variable = _VISIBLE.get(machine.device.vendor, "")
    visible = f"{variable}={','.join(map(str, devices))} " if variable else ""
    return Server(
        site=site,
        devices=devices,
        model=label,
        serves=tuple(name for name, _ in users),
        share=share,
        load=sum(option.load for _, option in users),
        port=port,
        command=f"{visible}vllm serve {checkpoint} {shlex.join(words)}{after}",
    )


def _checkpoint(model: str, format_: str, *, converted: bool) -> tuple[str, str]:
    """What is loaded, as the shell is told, and a comment where the user has to name it.

    vLLM itself shortens published weights to fp8 while it loads them, and to nothing else.
    """
    if not converted or format_ == "fp8":
        return shlex.quote(model), ""
    what = f"CHECKPOINT stands for a checkpoint of {model} in {format_}"
    return '"$CHECKPOINT"', f"  # {what}: a Hub id or a folder."
