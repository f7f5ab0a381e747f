"""Programs and files of other machines, written into a folder: what drivers print and show."""

from __future__ import annotations

from pathlib import Path


def program(folder: Path, name: str, script: str) -> Path:
    """An executable ``name`` in ``folder``, made of a shell script's body."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def nvidia_smi(folder: Path, *lines: str) -> Path:
    """An nvidia-smi that lists GPUs: name, driver, total and reserved MiB."""
    printed = "\n".join(lines)
    return program(folder, "nvidia-smi", f"cat <<'LINES'\n{printed}\nLINES")


def drm_card(sys: Path, number: int, **files: str) -> Path:
    """A card of sysfs with the files that its driver shows."""
    device = sys / f"class/drm/card{number}/device"
    device.mkdir(parents=True)
    for name, text in files.items():
        (device / name).write_text(f"{text}\n", encoding="utf-8")
    return device
