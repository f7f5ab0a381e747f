"""``weigh doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.options import json_option, print_json, workspace_option
from weighbridge.core.units import format_bytes

if TYPE_CHECKING:
    from weighbridge.core.machine import Device
    from weighbridge.facts.devices.found import Found
    from weighbridge.verbs.doctor import Checkup


@click.command(epilog="Example: weigh doctor --probe")
@click.option(
    "--probe",
    is_flag=True,
    help="Measure the memory's bandwidth and try the sandbox anew: a few seconds.",
)
@json_option
@workspace_option
def command(probe: bool, as_json: bool, workspace: Path) -> None:
    """Say what this machine is, which engines it has, and what could not be found out.

    Nothing is changed, and nothing started but the sandbox, whose limits are tried once after each
    start of the machine. Figures of devices come from the catalogue; memory is what the
    driver reports here.
    """
    from weighbridge.verbs import doctor, effects  # noqa: PLC0415 -- not needed for --help

    checkup = doctor.check(workspace, effects.SystemClock(), probe=probe)
    if as_json:
        print_json(doctor.to_json(checkup))
    else:
        _print(checkup)


def _print(checkup: Checkup) -> None:
    from weighbridge.cli.tables import print_facts  # noqa: PLC0415 -- heavy, only for people

    print_facts(checkup.host, [*_machine_rows(checkup), *_software_rows(checkup)])
    if checkup.gaps:
        click.echo()
        numbered = enumerate(checkup.gaps, start=1)
        facts = [(f"{number}.", f"{gap.what} {gap.fix}") for number, gap in numbered]
        print_facts("Not found out", facts)


def _machine_rows(checkup: Checkup) -> list[tuple[str, str]]:
    detection = checkup.detection
    machine = detection.machine
    rows = [("machine", machine.label if machine else "not known well enough to plan with")]
    rows += [("accelerator", _found_text(one)) for one in detection.accelerators]
    rows.append(("processor", _found_text(detection.processor)))
    if checkup.measured_bytes_per_s is not None:
        speed = f"{checkup.measured_bytes_per_s / 1e9:.1f} GB/s"
        rows.append(("memory", f"{speed}, read and written by copying; measured"))
    if machine:
        rows += [("note", note) for note in machine.device.notes]
    return rows


def _software_rows(checkup: Checkup) -> list[tuple[str, str]]:
    rows = [
        (one.name, f"{one.version or 'version not known'}, {one.path}") for one in checkup.engines
    ]
    state = "writable" if checkup.writable else "not writable"
    return [
        *rows,
        ("embedded engine", checkup.embedded or "not installed"),
        ("bubblewrap", checkup.sandbox or "not installed"),
        ("sandbox", _sandbox_text(checkup)),
        ("workspace", f"{checkup.workspace}, {state}"),
    ]


def _sandbox_text(checkup: Checkup) -> str:
    if checkup.trouble or not checkup.tried:
        return "does not work" if checkup.trouble else "none: code is not run"
    return f"works; tried: {', '.join(one.name for one in checkup.tried)}"


def _found_text(found: Found) -> str:
    """``2 × NVIDIA GeForce RTX 4090, 23.53 GiB, 1008 GB/s, bf16 165 TFLOPS (published), …``."""
    parts = [found.name if found.count == 1 else f"{found.count} × {found.name}"]
    if found.memory_bytes:
        parts.append(format_bytes(found.memory_bytes))
    if found.device:
        parts += _device_parts(found.device)
    if found.driver:
        parts.append(f"driver {found.driver}")
    return ", ".join(parts)


def _device_parts(device: Device) -> list[str]:
    parts = [f"{device.bandwidth_bytes_per_s / 1e9:.0f} GB/s"]
    parts += [
        f"{rate.arithmetic} {rate.flops / 1e12:.4g} TFLOPS ({rate.status})" for rate in device.rates
    ]
    if device.link.kind != "none":
        parts.append(f"{device.link.kind} {device.link.bytes_per_s / 1e9:.0f} GB/s each way")
    return parts
