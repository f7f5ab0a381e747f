"""The names that a device goes by."""

from __future__ import annotations

from weighbridge.core.errors import InputError
from weighbridge.facts.devices.catalogue import matches
from weighbridge.facts.devices.described import read_machine, split_count


def names_of(device: str) -> tuple[str, ...]:
    """What a device may be called: as it is asked for, in our catalogue, and by its driver.

    A name that may mean several devices has the names of them all: ``A100`` is any A100. One that
    the catalogue does not know is known by itself alone.

    Args:
        device: such as ``2x RTX 4090``, or a file with a ``machine:`` block.
    """
    if not device.strip():
        return ()
    try:
        if device.strip().lower().endswith((".yaml", ".yml")):
            device = read_machine(device).device.name
        name = split_count(device)[1]
    except InputError:
        return (device,)  # whoever reads it as a machine says what is wrong
    found = matches(name)
    known = [text for one in found for text in (one.device.name, *one.aliases, *one.drivers)]
    return tuple(dict.fromkeys((name, *known)))
