"""Machines as people describe them: ``2x RTX 4090``, or a ``machine:`` block."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import msgspec

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.machine import Arithmetic, Device, Link, LinkKind, Machine, Rate
from weighbridge.core.provenance import Provenance
from weighbridge.core.units import GIB, parse_bytes
from weighbridge.facts.devices.catalogue import find, matches
from weighbridge.facts.devices.names import spell
from weighbridge.facts.devices.rows import COMPILED, Entry
from weighbridge.facts.documents import read_yaml

MOST_DEVICES = 1024
# Not a minus before it, and no digit run on: "4090" is no count.
_BEFORE = re.compile(r"(\d{1,6})\s*[x×*]\s*(?=\S)(.*\S)", re.IGNORECASE)
_COUNT_WORD = re.compile(r"(\d{1,2})\s+(?=[a-z])(?!gi?b?\b)(.*\S)", re.IGNORECASE)
# A space before the letter x, which ends names such as RTX.
_AFTER = re.compile(r"(.*?\S)(?:\s+x|\s*[×*])\s*(\d{1,6})", re.IGNORECASE)
_UNLIKE = re.compile(r"\s\+\s|,|;|\s(?:and|&)\s", re.IGNORECASE)
_RATE = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*(?:([gt])b/s)?\s*", re.IGNORECASE)
_STATED = "the machine block"
# A guess at the slot of a device that nobody knows: the slowest that current boards have.
_SLOWEST_SLOT = 15.75e9


class MachineBlock(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``machine:`` in a YAML file.

    Attributes:
        device: a name of the catalogue, or any name together with memory, bandwidth and tflops
            (without tflops memory can be told, but not speed).
        count: how many of them.
        memory: of one device as its driver reports it, e.g. ``48GiB``.
        bandwidth: of its memory, in GB/s or with a unit: ``1008`` or ``1.8TB/s``.
        tflops: dense rates by arithmetic, e.g. ``{bf16: 165}``; they replace the catalogue's.
        link: what joins the devices.
        link_bandwidth: of one device, one direction.
        host_memory: of the host, for what is offloaded.
        host_bandwidth: of the host's memory.
        power_w: the limit that is set for one device.
    """

    device: str
    count: int | None = None
    memory: str | None = None
    bandwidth: float | str | None = None
    tflops: dict[Arithmetic, float] = {}
    link: LinkKind | None = None
    link_bandwidth: float | str | None = None
    host_memory: str | None = None
    host_bandwidth: float | str | None = None
    power_w: float | None = None


class _MachineFile(msgspec.Struct, forbid_unknown_fields=True):
    """A file with nothing but a machine."""

    machine: MachineBlock | str | int


def read_machine(text: str) -> Machine:
    """The machine of a line such as ``2x RTX 4090``, or of the file ``box.yaml``.

    Raises:
        InputError: no device, several, or an impossible number of them go by that name.
        ConfigError: the file cannot be read or has a mistake.
    """
    if text.strip().lower().endswith((".yaml", ".yml")):
        return from_block(read_yaml(Path(text.strip()), _MachineFile).machine)
    return parse_machine(text)


def parse_machine(text: str) -> Machine:
    """The machine that a line such as ``2x RTX 4090`` or ``8×H100 SXM`` describes.

    Raises:
        InputError: no device, several, or an impossible number of them go by that name.
    """
    count, name = split_count(text)
    entry = find(name)
    return Machine(_with_memory(entry, name), count)


def from_block(block: MachineBlock | str | int) -> Machine:
    """The machine that a ``machine:`` block describes, or the line that stands in its place.

    Raises:
        InputError: the device is not known and the block does not say enough of it.
        ConfigError: a figure of the block is impossible.
    """
    if not isinstance(block, MachineBlock):
        return parse_machine(str(block))
    within, name = split_count(block.device)
    if block.count is not None and within not in (1, block.count):
        raise ConfigError(
            f"machine: `device: {block.device}` and `count: {block.count}` disagree.",
            fix="State the number once.",
        )
    count = _checked_count(block.count if block.count is not None else within, block.device)
    host_memory = parse_bytes(block.host_memory) if block.host_memory else None
    host_bandwidth = _optional_rate(block.host_bandwidth, "host_bandwidth")
    return Machine(_device(block, name), count, host_memory, host_bandwidth)


def split_count(text: str) -> tuple[int, str]:
    """How many, and of what.

    >>> split_count("2x RTX 4090"), split_count("8×H100"), split_count("RTX 3090 x4")
    ((2, 'RTX 4090'), (8, 'H100'), (4, 'RTX 3090'))
    >>> split_count("4090")
    (1, '4090')

    Raises:
        InputError: the number is impossible, nothing is named, or unlike devices are.
    """
    stripped = text.strip()
    if not stripped:
        raise InputError("No device is named.", fix="Write for example '2x RTX 4090'.")
    if sum(bool(matches(_without_count(part))) for part in _UNLIKE.split(stripped)) > 1:
        raise InputError(
            f"{stripped!r} names unlike devices; a machine has equal ones.",
            fix="Plan each group of equal devices for itself.",
        )
    for pattern, number, name in ((_BEFORE, 1, 2), (_COUNT_WORD, 1, 2), (_AFTER, 2, 1)):
        found = pattern.fullmatch(stripped)
        if found:
            return _checked_count(int(found[number]), stripped), found[name]
    return 1, stripped


def _without_count(part: str) -> str:
    found = _BEFORE.fullmatch(part.strip())
    return found[2] if found else part


def _checked_count(count: int, text: str) -> int:
    if not 1 <= count <= MOST_DEVICES:
        raise InputError(f"{text!r} asks for {count} devices.", fix=f"Ask for 1 to {MOST_DEVICES}.")
    return count


def _with_memory(entry: Entry, name: str) -> Device:
    """The device; a processor's memory is what its name is given with."""
    device = entry.device
    if entry.gb is not None:
        return device
    gb = spell(name).gb
    if gb is None:
        raise InputError(
            f"How much memory {device.name} has depends on its board.",
            fix=f"Say it, for example '{device.name} 128GB'.",
        )
    return replace(device, memory_bytes=round(gb * GIB))


def _device(block: MachineBlock, name: str) -> Device:
    memory = parse_bytes(block.memory) if block.memory else None
    bandwidth = _optional_rate(block.bandwidth, "bandwidth")
    if memory is not None and memory < GIB // 4:
        raise ConfigError(
            f"machine: `memory: {block.memory}` is too little for any model.",
            fix="Write it with its unit, for example 24GiB.",
        )
    if not matches(name) and memory is not None and bandwidth is not None:
        return _stated_device(block, name, memory, bandwidth)
    if memory is not None:
        return _changed(_of_any_memory(name), block, memory, bandwidth)
    return _changed(_with_memory(find(name), name), block, memory, bandwidth)


def _of_any_memory(name: str) -> Device:
    """The device whose memory the block states: sizes that differ in nothing else are one."""
    found = matches(name)
    rows = {entry.row for entry in found}
    return found[0].device if len(rows) == 1 else find(name).device


def _changed(device: Device, block: MachineBlock, memory: int | None, rate: float | None) -> Device:
    changed = replace(
        device,
        memory_bytes=memory or device.memory_bytes,
        bandwidth_bytes_per_s=rate or device.bandwidth_bytes_per_s,
        rates=_rates(block) or device.rates,
        link=_link(block, device.link),
        power_w=device.power_w if block.power_w is None else _positive(block.power_w, "power_w"),
    )
    if changed == device:
        return device
    source = f"{device.provenance.source}; {_STATED}"
    return replace(changed, provenance=replace(device.provenance, source=source))


def _stated_device(block: MachineBlock, name: str, memory: int, bandwidth: float) -> Device:
    return Device(
        name=name,
        vendor="other",
        kind="gpu",
        generation="",
        memory_bytes=memory,
        bandwidth_bytes_per_s=bandwidth,
        rates=_rates(block),
        link=_link(block, Link("pcie", _SLOWEST_SLOT)),
        host_bytes_per_s=_SLOWEST_SLOT,
        power_w=None if block.power_w is None else _positive(block.power_w, "power_w"),
        provenance=Provenance("assumed", _STATED, COMPILED),
        notes=("Nobody has listed it: its host link is assumed to be PCIe 3.0 x16.",),
    )


def _rates(block: MachineBlock) -> tuple[Rate, ...]:
    for arithmetic, tflops in block.tflops.items():
        _positive(tflops, f"tflops of {arithmetic}")
    return tuple(Rate(name, value * 1e12, "unverified") for name, value in block.tflops.items())


def _link(block: MachineBlock, known: Link) -> Link:
    bandwidth = _optional_rate(block.link_bandwidth, "link_bandwidth")
    if block.link in ("none", "unified"):
        return Link(block.link, 0.0, 1)
    if block.link is not None and bandwidth is None and block.link != known.kind:
        raise ConfigError(
            f"machine: `link: {block.link}` needs `link_bandwidth`.",
            fix="It is that of one device in one direction: an RTX 3090's bridge has 56.",
        )
    return Link(block.link or known.kind, bandwidth or known.bytes_per_s, known.domain)


def _optional_rate(stated: float | str | None, what: str) -> float | None:
    """Bytes per second of ``1008``, ``1008GB/s`` or ``1.8TB/s``; None if nothing is stated."""
    if stated is None:
        return None
    if not isinstance(stated, str):
        return _positive(stated, what) * 1e9
    match = _RATE.fullmatch(stated)
    if match is None:
        raise ConfigError(
            f"machine: `{what}: {stated}` is not a bandwidth.", fix="Write GB/s: 1008 or 1.8TB/s."
        )
    return _positive(float(match[1]), what) * (1e12 if (match[2] or "g").lower() == "t" else 1e9)


def _positive(value: float, what: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"machine: {what} must be above 0, not {value:g}.", fix="Leave it out.")
    return value
