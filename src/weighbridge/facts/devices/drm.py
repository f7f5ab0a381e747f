"""AMD's and Intel's GPUs, as the kernel lists them under /sys; AMD's also by rocm-smi."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from weighbridge.core.units import GIB
from weighbridge.facts.devices.catalogue import by_pci
from weighbridge.facts.devices.commands import ask, located
from weighbridge.facts.devices.found import Gap, Probe, Sighting, grouped, unknown_device
from weighbridge.facts.devices.rows import Entry
from weighbridge.facts.host import host_memory_bytes

_AMD, _INTEL = "1002", "8086"
_SYS = Path("/sys")
_CARD = re.compile(r"card\d+")


def probe(*, sys: Path = _SYS, path: str | None = None, host_bytes: int | None = None) -> Probe:
    """All GPUs of AMD and Intel that a driver shows; never raises.

    Args:
        sys: where sysfs is mounted.
        path: where to look for rocm-smi instead of PATH.
        host_bytes: the machine's memory, by default as psutil reports it.
    """
    cards = sorted(sys.glob("class/drm/card*/device"))
    listed = [card for card in cards if _CARD.fullmatch(card.parent.name)]
    amd = [card for card in listed if _pci(card).startswith(_AMD)]
    sightings = tuple(_amd(card, sys, host_bytes) for card in amd)
    found = grouped(sightings) if sightings else _rocm_smi(path)
    return found + _intel([card for card in listed if _pci(card).startswith(_INTEL)])


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text.isdecimal() else None


def _pci(card: Path) -> str:
    """``1002:74a1``; no vendor at all for devices that are not on the PCI bus."""
    parts = (_text(card / name).lower().removeprefix("0x") for name in ("vendor", "device"))
    return ":".join(parts)


def _amd(card: Path, sys: Path, host_bytes: int | None) -> Sighting:
    memory = _number(card / "mem_info_vram_total")
    known = by_pci(_pci(card), memory / GIB if memory else None)
    version = _text(sys / "module/amdgpu/version")
    driver = f"amdgpu {version}".strip()
    if known and known[0].device.kind == "apu":
        # Engines use either the part that firmware set apart, which the system does not count as
        # its own, or what the kernel lends of the rest.
        lent = _number(card / "mem_info_gtt_total") or 0
        host = host_bytes or host_memory_bytes() or 0
        sold = by_pci(_pci(card), (host + (memory or 0)) / GIB)
        return Sighting(sold[0].device.name, max(memory or 0, lent) or None, driver)
    name = _text(card / "product_name") or _name_of(known) or f"AMD GPU {_pci(card)}"
    return Sighting(name, memory, driver)


def _name_of(known: tuple[Entry, ...]) -> str:
    """A name that the catalogue resolves: of one device, whatever memory it is sold with."""
    rows = {entry.row for entry in known}
    return known[0].device.name if len(rows) == 1 else ""


def _rocm_smi(path: str | None) -> Probe:
    program = located("rocm-smi", path)
    if program is None:
        return Probe()
    answer = ask([program, "--showproductname", "--showmeminfo", "vram", "--json"])
    try:
        cards = json.loads(answer.out)
    except ValueError:
        cards = None
    if not isinstance(cards, dict):
        return Probe(
            gaps=(
                Gap(
                    "Which AMD GPUs there are: rocm-smi gave no answer that can be read.",
                    "Make `rocm-smi` work first; your account may have to join the group render.",
                ),
            )
        )
    shown = [facts for facts in cards.values() if isinstance(facts, dict)]
    sightings = (_from_rocm(facts) for facts in shown)
    return grouped(tuple(one for one in sightings if one is not None))


def _from_rocm(facts: dict[str, Any]) -> Sighting | None:
    lower = {name.lower(): str(value) for name, value in facts.items()}
    name = next((lower[key] for key in ("card series", "card model") if lower.get(key)), "")
    total = lower.get("vram total memory (b)", "")
    return Sighting(name, int(total) if total.isdecimal() else None, "ROCm") if name else None


def _intel(cards: list[Path]) -> Probe:
    """Intel's discrete GPUs. Graphics inside a processor are no device to plan with."""
    known = [by_pci(_pci(card), None) for card in cards]
    sightings = tuple(Sighting(entry[0].device.name, None, "Intel") for entry in known if entry)
    dedicated = [
        card for card, entry in zip(cards, known, strict=True) if not entry and _local_memory(card)
    ]
    gaps = tuple(unknown_device(f"Intel GPU {_pci(card)}") for card in dedicated)
    return grouped(sightings) + Probe(gaps=gaps)


def _local_memory(card: Path) -> bool:
    return bool(_number(card.parent / "lmem_total_bytes")) or (card / "tile0/vram0").exists()
