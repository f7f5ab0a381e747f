"""Finding a device of the catalogue by the name that somebody gives it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from weighbridge.core.errors import InputError
from weighbridge.facts.devices.names import OMITTED, Spelling, key, spell
from weighbridge.facts.devices.rows import Entry, entries

# A name's memory is rounded, decimal or binary: 32.6GB and 192GB are 32 and 180 of the catalogue.
_NEAR = 0.08
# A last number that may be memory without its unit: "A100 80".
_BARE_MEMORY = re.compile(r".*\S[\s_-]+(\d{1,4})", re.DOTALL)
# They have less of everything than the card of their name.
_LAPTOP = frozenset({"laptop", "mobile", "notebook"})
_MOST_NEAR = 6


def find(name: str) -> Entry:
    """The device that ``name`` means, in any case and punctuation.

    Raises:
        InputError: none or several go by that name; says which are near.
    """
    found = matches(name)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(entry.device.name for entry in found[:8])
        more = " …" if len(found) > 8 else ""
        raise InputError(
            f"{name!r} may mean {len(found)} devices.", fix=f"Say which: {listed}{more}."
        )
    raise _unknown(name)


def matches(name: str) -> tuple[Entry, ...]:
    """All devices that ``name`` may mean: one if it is clear, none if nothing is called so."""
    exact = _by_key().get(key(name))
    return exact or _fitting(spell(name)) or _of_bare_memory(name)


def _of_bare_memory(name: str) -> tuple[Entry, ...]:
    """Those whose memory is, to the gigabyte, the last number of a name that is nothing else."""
    bare = _BARE_MEMORY.fullmatch(name.strip())
    if bare is None:
        return ()
    found = _fitting(spell(f"{name.strip()}GB"))
    return tuple(entry for entry in found if entry.gb == float(bare[1]))


def _fitting(wanted: Spelling) -> tuple[Entry, ...]:
    ranked = [(rank, entry) for entry in entries() if (rank := _rank(wanted, entry)) is not None]
    if wanted.gb is not None:
        ranked = _nearest_memory(ranked, wanted.gb)
    best = min((rank for rank, _ in ranked), default=0)
    found = tuple(entry for rank, entry in ranked if rank == best)
    return _usual(found) if wanted.gb is None else found


def by_pci(pci: str, gb: float | None) -> tuple[Entry, ...]:
    """The devices with a PCI id (``1002:74a1``); of several, those whose memory is nearest."""
    found = tuple(entry for entry in entries() if pci in entry.pci)
    if gb is None or not found:
        return found
    nearest = min(abs((entry.gb or 0) - gb) for entry in found)
    return tuple(entry for entry in found if abs((entry.gb or 0) - gb) == nearest)


def in_text(text: str) -> Entry | None:
    """The processor whose name stands, word for word, in what the system calls it; else None."""
    padded = f" {' '.join(_plain_words(text))} "
    found = [
        entry
        for entry in entries()
        for name in (entry.row, *entry.aliases)
        if entry.device.kind == "cpu" and f" {' '.join(_plain_words(name))} " in padded
    ]
    return found[0] if found else None


def _plain_words(text: str) -> list[str]:
    cleaned = text.lower().replace("(r)", " ").replace("(tm)", " ").replace("-", " ")
    return [word for word in cleaned.split() if word not in ("amd", "intel", "gen")]


@cache
def _by_key() -> dict[str, tuple[Entry, ...]]:
    table: dict[str, tuple[Entry, ...]] = {}
    for entry in entries():
        for name in {key(name) for name in (entry.device.name, *entry.aliases, *entry.drivers)}:
            table[name] = (*table.get(name, ()), entry)
    return table


@cache
def _spellings(entry: Entry) -> tuple[Spelling, ...]:
    return tuple(spell(name) for name in (entry.device.name, *entry.aliases))


def _rank(wanted: Spelling, entry: Entry) -> int | None:
    ranks = [rank for full in _spellings(entry) if (rank := wanted.omits(full)) is not None]
    return min(ranks, default=None)


def _nearest_memory(ranked: Sequence[tuple[int, Entry]], gb: float) -> list[tuple[int, Entry]]:
    def distance(entry: Entry) -> float:
        return 0.0 if entry.gb is None else abs(entry.gb - gb) / entry.gb

    near = min((distance(entry) for _, entry in ranked), default=0.0)
    return [(rank, entry) for rank, entry in ranked if distance(entry) <= min(_NEAR, near * 1.001)]


def _usual(found: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Of one device with several sizes of memory, the size that is meant by default, if any."""
    one_row = len({entry.row for entry in found}) == 1
    usual = tuple(entry for entry in found if entry.usual)
    return usual if one_row and usual else found


def _unknown(name: str) -> InputError:
    wanted = spell(name)
    if wanted.gb is not None:
        sizes = [e for e in entries() if _rank(wanted, e) is not None and e.gb is not None]
        if sizes:
            have = ", ".join(dict.fromkeys(f"{e.row} {e.gb:g}GB" for e in sizes))
            return InputError(
                f"The catalogue has no {name!r} of {wanted.gb:g} GB.",
                fix=f"Known are {have}; a `machine:` block can state another `memory:`.",
            )
    near = _near(wanted)
    hint = f"Nearest {'is' if len(near) == 1 else 'are'} {', '.join(near)}. " if near else ""
    if not near:
        makers = sorted({entry.device.vendor for entry in entries()} - {"other"})
        hint = f"It has devices of {', '.join(makers)}. "
    elif wanted.words & _LAPTOP:
        hint += "A laptop's GPU is slower than the card of its name, so it is not taken for it. "
    return InputError(
        f"The catalogue has no device {name!r}.",
        fix=f"{hint}A `machine:` block with device, memory, bandwidth and tflops describes any "
        "other: "
        "`weigh plan --device box.yaml`.",
    )


def _near(wanted: Spelling) -> list[str]:
    """Names that share a number and most words, then names that look alike."""
    import difflib  # noqa: PLC0415 -- only for a slip of the finger

    numbers = {word for word in wanted.words if word.isdigit() and len(word) > 1}
    shared = {
        entry.device.name: len(wanted.words & _spellings(entry)[0].words)
        for entry in entries()
        if numbers & _spellings(entry)[0].words
    }
    most = max(shared.values(), default=0)
    same = [name for name, count in shared.items() if count == most]
    alike: list[str] = []
    for keys in (_keys(), _short_keys()):
        found = difflib.get_close_matches(wanted.joined, keys, n=4, cutoff=0.6)
        alike += [keys[one] for one in found]
    return list(dict.fromkeys([*same, *alike]))[:_MOST_NEAR]


def _keys() -> dict[str, str]:
    return {key(entry.device.name): entry.device.name for entry in entries()}


def _short_keys() -> dict[str, str]:
    """Names without what people leave out, as long as they have a number of some length."""
    found: dict[str, str] = {}
    for entry in entries():
        words = re.findall(r"[a-z]+|\d+", entry.device.name.lower())
        short = "".join(word for word in words if word not in OMITTED)
        if len(short) > 3:
            found.setdefault(short, entry.device.name)
    return found
