"""``weigh place``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import NO, OK, printable, say, stdout_kept_clean
from weighbridge.cli.models import catalog_option, own_file
from weighbridge.cli.options import json_option, print_json, workspace_option
from weighbridge.core.units import format_bytes

if TYPE_CHECKING:
    from weighbridge.core.placement import DeviceUse
    from weighbridge.verbs.place import PlacementPlan

_BAR = 24


@click.command(epilog="Example: weigh place placement.yaml")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="PLACEMENT.yaml")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the devices, drawn, as one self-contained page.",
)
@json_option
@catalog_option
@workspace_option
def command(
    file: Path, html: Path | None, as_json: bool, catalog: Path | None, workspace: Path
) -> int:
    """Place several models, or one model per task, on the GPUs of one or more machines.

    The file names machines, and models or tasks with their traffic. Which configuration of which
    model lies on which GPU is chosen together, so that traffic-weighted quality is best. Exits with
    1 when not everything that is required fits; says why, and what fits instead. Load follows your
    own measurements where `weigh calibrate` has some of the machine under vLLM.
    """
    from weighbridge.verbs import place  # noqa: PLC0415 -- not needed for --help

    with stdout_kept_clean():
        found = place.plan(file, own_file(catalog), workspace)
    if html is not None:
        _write_page(found, html)
    if as_json:
        print_json(place.to_json(found))
    else:
        _print(found)
    return OK if found.placement.feasible else NO


def _write_page(found: PlacementPlan, path: Path) -> None:
    from weighbridge.report.placement_page import placement_page  # noqa: PLC0415 -- only if asked
    from weighbridge.verbs.effects import writing  # noqa: PLC0415

    page = placement_page(
        found.placement,
        standalone=True,
        provenance=found.provenance,
        commands=[(one.site, one.command) for one in found.servers],
        notes=found.notes,
    )
    with writing(path) as draft:
        draft.write_text(page, encoding="utf-8")
    say(f"Wrote {path}.")


def _print(found: PlacementPlan) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- heavy, only for people

    placement = found.placement
    if not placement.feasible:
        for reason in placement.reasons:
            click.echo(printable(reason))
        names = ", ".join(one.wanted for one in placement.placed)
        nearest = (
            f"The nearest feasible set is: {names}." if names else "Nothing of it has a place."
        )
        click.echo(printable(nearest))
    several = len({device.site for device in placement.devices}) > 1
    print_table(
        "Devices",
        ["<GPU", "<memory", "given", "free", "busy", "<holds"],
        [_device_row(device, several=several) for device in placement.devices],
        caption="predicted · memory with 90 % certainty · busy: traffic as a share of what the "
        "servers finish at most with their slots, as the median",
    )
    if found.servers:
        print_table(
            "Servers",
            ["<GPUs", "<serves", "<model", "share of memory", "busy"],
            [
                [
                    ",".join(map(str, one.devices)) + (f" of {one.site}" if several else ""),
                    ", ".join(one.serves),
                    one.model,
                    f"{one.share:.3f}",
                    f"{100 * one.load:.0f} %",
                ]
                for one in found.servers
            ],
        )
        for one in found.servers:
            if several:
                click.echo(printable(f"# {one.site}"))
            click.echo(printable(one.command))
    for left in placement.unplaced:
        if left.reason in placement.reasons:  # told above
            continue
        click.echo(printable(f"Not placed: {left.reason}"))
    for note in found.notes:
        say(f"Note: {note}")


def _device_row(device: DeviceUse, *, several: bool) -> list[str]:
    full = round(_BAR * device.used_bytes / device.memory_bytes)
    return [
        f"{device.index} of {device.site}" if several else str(device.index),
        "█" * full + "░" * (_BAR - full),
        format_bytes(device.used_bytes),
        format_bytes(device.free_bytes),
        f"{100 * device.load:.0f} %",
        ", ".join(device.holds) or "nothing",
    ]
