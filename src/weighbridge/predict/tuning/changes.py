"""Single changes of a training run that need less memory, each tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from weighbridge.core.provenance import Interval
from weighbridge.core.tuning import TuningRun, Verdict
from weighbridge.predict.tuning.memory import tuning_memory
from weighbridge.predict.tuning.shapes import Shape

_IN_SERVER = 8
_COUNTS = (2, 4, 8, 16, 32, 64)
_ORDER: dict[Verdict, int] = {"yes": 0, "perhaps": 1, "no": 2}


@dataclass(frozen=True, slots=True)
class Change:
    """One change and what comes of it.

    Attributes:
        text: what to change.
        total: memory then.
        fits: whether the device then has room.
    """

    text: str
    total: Interval
    fits: Verdict


def changes(shape: Shape, run: TuningRun, memory_bytes: float) -> tuple[Change, ...]:
    """Changes after which the device has room, or may have, the least intrusive first."""
    now = tuning_memory(shape, run).fits(memory_bytes)
    found = []
    divided = False
    for text, other in _candidates(run):
        if divided and other.devices > run.devices:
            continue  # of several counts the least is told
        then = tuning_memory(shape, other)
        verdict = then.fits(memory_bytes)
        if _ORDER[verdict] < _ORDER[now]:
            found.append(Change(text, then.total, verdict))
            divided = divided or (other.devices > run.devices and verdict == "yes")
    return tuple(sorted(found, key=lambda change: _ORDER[change.fits]))


def _candidates(run: TuningRun) -> Iterator[tuple[str, TuningRun]]:
    if not run.checkpointing:
        yield "checkpointing (leave --no-checkpointing out)", replace(run, checkpointing=True)
    if run.loss != "fused":
        yield "--loss fused (cut cross entropy)", replace(run, loss="fused")
    if run.checkpointing and not run.activation_offload:
        yield "--activation-offload", replace(run, activation_offload=True)
    if run.batch > 1:
        yield "--batch 1", replace(run, batch=1)
    if run.method == "full" and run.precision == "mixed":
        yield "--precision bf16", replace(run, precision="bf16")
    if run.optimizer != "paged-8bit" and run.devices == 1:
        yield "--optimizer paged-8bit", replace(run, optimizer="paged-8bit")
    adapted = replace(run, optimizer_in_backward=False, precision="mixed")
    if run.method == "full":
        yield "--method lora", replace(adapted, method="lora")
    if run.method != "qlora":
        yield "--method qlora", replace(adapted, method="qlora")
    for count in _COUNTS:
        if count > run.devices and run.optimizer != "paged-8bit":
            yield f"--count {count}{_servers(count)}", replace(run, devices=count)


def _servers(count: int) -> str:
    """That so many devices are in several servers, whose links are slower still."""
    return f" ({count // _IN_SERVER} servers of {_IN_SERVER})" if count > _IN_SERVER else ""
