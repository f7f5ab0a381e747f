"""Whether a load test tells the capacity of the device that is asked for."""

from __future__ import annotations

from urllib.parse import urlsplit

from weighbridge.core.load import LoadRun
from weighbridge.core.load_place import is_own_address, measured_on
from weighbridge.facts.devices.called import names_of


def place_notes(run: LoadRun, device: str) -> tuple[str, ...]:
    """What there is to say of a load test that is to tell the capacity of a device.

    Nothing is refused: an address of one's own machine may be a tunnel to another.

    Args:
        run: the load test.
        device: as it is asked for; empty where none is.
    """
    if not device:
        return ()
    names = names_of(device)
    found, device = measured_on(run, names), names[0]
    if found:
        return ()
    host = urlsplit(run.url).hostname or run.url
    if found is False:
        told = (
            f"{run.info.id} was answered at {host}, on this machine: {run.info.machine}. It shows "
            f"no {device}, so this capacity is another machine's, unless that address leads to one "
            "through a tunnel. Measure there, or leave the run out for a prediction."
        )
        return (told,)
    why = (
        "which GPUs its machine has could not be told"
        if is_own_address(run.url)
        else f"it was answered at {host}, and a run knows nothing of the devices there"
    )
    return (f"That {run.info.id} was measured on {device} is taken from you: {why}.",)
