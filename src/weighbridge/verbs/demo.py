"""``weigh demo``: the study that comes with Weighbridge, on real tiny models, offline."""

from __future__ import annotations

from pathlib import Path

from weighbridge.core.errors import InputError
from weighbridge.verbs.study.entries import demo_folder

__all__ = ["data_folder", "study_file"]


def data_folder() -> Path:
    """The folder of models, suites and traffic inside the package.

    Raises:
        InputError: this installation has none.
    """
    folder = demo_folder()
    if not (folder / "models").is_dir():
        raise InputError(
            f"The demo's models are not in {folder}.", fix="Install Weighbridge from its wheel."
        )
    return folder


def study_file() -> Path:
    """The demo's ``study.yaml``.

    Raises:
        InputError: this installation has no demo.
    """
    return data_folder() / "study.yaml"
