"""The servers that a placement means, and how to start them."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.core.machine import Machine
from weighbridge.core.placement import Option, Placement
from weighbridge.verbs.place_file import PUBLISHED, Demand
from weighbridge.verbs.place_options import SHARE_STEP, Resolve


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
        command: how to start it with vLLM.
    """

    site: str
    devices: tuple[int, ...]
    model: str
    serves: tuple[str, ...]
    share: float
    load: float
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
    return tuple(
        _server(site, devices, users, machines[site], demands=demands, resolve=resolve)
        for (site, devices, _), users in sorted(rows.items())
    )


def _server(
    site: str,
    devices: tuple[int, ...],
    users: list[tuple[str, Option]],
    machine: Machine,
    *,
    demands: Mapping[str, Demand],
    resolve: Resolve,
) -> Server:
    first = users[0][1]
    used = first.memory_bytes + sum(o.memory_bytes - o.shared_bytes for _, o in users[1:])
    share = round(SHARE_STEP * used / machine.device.memory_bytes) / SHARE_STEP
    label = first.label.partition(" ×")[0]
    sequences = sum(-(-demands[name].users // option.replicas) for name, option in users)
    name, _, rest = label.partition(" ")
    format_ = rest.partition(" · TP")[0]
    native = resolve(name, PUBLISHED).quantization.name
    words = [
        "vllm", "serve", name,
        "--tensor-parallel-size", str(first.devices),
        "--gpu-memory-utilization", f"{share:.3f}",
        "--max-model-len", str(max(demands[name].context for name, _ in users)),
        "--max-num-seqs", str(sequences),
    ]  # fmt: skip
    visible = ",".join(map(str, devices))
    return Server(
        site=site,
        devices=devices,
        model=label,
        serves=tuple(name for name, _ in users),
        share=share,
        load=sum(option.load for _, option in users),
        command=f"CUDA_VISIBLE_DEVICES={visible} {shlex.join(words)}"
        + ("" if format_ == native else f"  # take a checkpoint of it in {format_}"),
    )
