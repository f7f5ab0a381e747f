"""What a placement rests on, in sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from weighbridge.core.estimate import Engine
from weighbridge.core.placement import Placement
from weighbridge.predict.memory.engine_defaults import VLLM_UTILISATION, raised_note
from weighbridge.verbs.place_file import Demand, PlacementFile
from weighbridge.verbs.place_servers import Server


def notes_of(
    file: PlacementFile,
    demands: Mapping[str, Demand],
    placement: Placement,
    servers: tuple[Server, ...],
) -> tuple[str, ...]:
    """Sentences on what was assumed, and what is in doubt."""
    notes = []
    if not file.engine_version:
        notes.append("The version of vLLM is not given; a recent one is assumed.")
    on = Counter((one.site, device) for one in servers for device in one.devices)
    most = max(on.values(), default=0)
    if most > 1:
        notes.append(
            "Servers on one GPU each have weights, buffers and a CUDA context of their own. Start "
            "them one after the other, each with its --gpu-memory-utilization: each looks at what "
            "is free."
        )
        notes.append(
            f"They take turns: while {most} compute at once, each takes up to {most} times as "
            "long. Load counts the time they need; it does not promise latency."
        )
    notes += _fuller_than_usual(placement, servers)
    if any(one.users is None for one in demands.values()):
        notes.append(
            "Nothing says `users` of some: their servers run at once what their traffic keeps in "
            "flight by the latency predicted (Little's law), with room for chance, and more where "
            "that makes room for others."
        )
    if any(one.ttft_ms or one.tpot_ms for one in demands.values()):
        notes.append(
            "Limits on latency are held against the time of a typical request of each model or "
            "task with all its own slots taken and nothing else beside it. What shares a GPU or "
            "a server takes longer while both are busy."
        )
    if placement.gap > 1e-9:
        notes.append(f"A better placement may exist, by at most {100 * placement.gap:.2g} %.")
    return tuple(notes)


def _fuller_than_usual(placement: Placement, servers: Sequence[Server]) -> Iterator[str]:
    """Of devices that are given away beyond what vLLM takes by default: in doubt, as in a plan."""
    several = len({device.site for device in placement.devices}) > 1
    on: dict[tuple[str, int], list[Server]] = defaultdict(list)
    for one in servers:
        for device in one.devices:
            on[one.site, device].append(one)
    for (site, device), there in sorted(on.items(), key=lambda item: item[0]):
        share = sum(one.share for one in there)
        if share > VLLM_UTILISATION:
            where = f"GPU {device} of {site}" if several else f"GPU {device}"
            yield f"In doubt, {where}: {_raised(share, len(there))}."


def _raised(share: float, servers: int) -> str:
    if servers == 1:
        return raised_note(Engine("vllm", ""), share)
    return (
        f"its {servers} servers are told {share:.3g} of its memory together, and one by itself "
        f"takes {VLLM_UTILISATION:g} by default"
    )
