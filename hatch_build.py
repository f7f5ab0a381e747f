"""Builds the gateway's data plane as machine code, where that is asked for: `make compiled`.

An ordinary installation compiles nothing. With WEIGHBRIDGE_COMPILE=1 in the environment (and a C
compiler) the wheel also holds the modules that `pyproject.toml` lists, compiled by mypyc; they are
the very same sources, which lie beside them.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ASKED = "WEIGHBRIDGE_COMPILE"
# Whether everything fits together is checked elsewhere, with all extras installed.
_OPTIONS = ["--config-file=pyproject.toml", "--ignore-missing-imports", "--follow-imports=silent"]
_NEEDS = ["setuptools>=75", "msgspec>=0.19", "types-PyYAML", "types-psutil"]


class CompilingHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds compiled modules to a wheel."""

    def dependencies(self) -> list[str]:
        """What has to be there at the time of building."""
        return [*_NEEDS, self.config["compiler"]] if _is_asked() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless nobody asked or the installation is editable.

        In an editable one, changes to a source would not count before it is compiled again.
        """
        if not _is_asked() or version == "editable":
            return
        package = Path(self.root, "src", "weighbridge")
        sources = [str(package / module) for module in self.config["modules"]]
        # pip asks twice, for the metadata and for the wheel.
        place = Path(self.root, "build", f"compiled-{_digest(package)}")
        if not (place / "done").exists():
            _compile(sources, place)
            (place / "done").touch()
        library = place / "lib"
        for built in sorted(library.rglob("*.so")):
            build_data["force_include"][str(built)] = str(built.relative_to(library))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def _is_asked() -> bool:
    return os.environ.get(_ASKED, "") not in ("", "0")


def _digest(package: Path) -> str:
    """Of all that what is built depends on."""
    files = [Path(__file__), package.parents[1] / "pyproject.toml", *sorted(package.rglob("*.py"))]
    whole = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)
    return hashlib.sha256(whole + sys.version.encode()).hexdigest()[:16]


def _compile(sources: list[str], place: Path) -> None:
    """Make extension modules of these sources, below ``place/lib``."""
    from mypyc.build import mypycify  # noqa: PLC0415 -- only there where it is asked for
    from setuptools import Distribution  # noqa: PLC0415
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    extensions = mypycify(
        [*_OPTIONS, *sources],
        opt_level="3",
        debug_level="0",
        target_dir=str(place / "c"),
        group_name="weighbridge",
    )
    command = build_ext(Distribution({"name": "weighbridge", "ext_modules": extensions}))
    command.build_lib, command.build_temp = str(place / "lib"), str(place / "o")
    command.ensure_finalized()
    command.run()
