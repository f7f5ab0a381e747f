"""The Python that runs in the sandbox: this very one, reduced to what an interpreter needs."""

from __future__ import annotations

import functools
import importlib.util
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.errors import InputError
from weighbridge.measure.sandbox.jail import Mount

_LIBRARY = re.compile(r"(?:=> |^\s+)(/\S+) \(0x", re.MULTILINE)
_SYSTEM = ("/lib", "/usr/lib")
PACKAGES = "/packages"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What to show of the host so that a program runs.

    Attributes:
        program: the interpreter's path, inside as outside.
        mounts: files and folders, read-only.
        hidden: folders in them that are to be empty: packages nobody asked for.
        library_path: where the loader finds libraries.
    """

    program: str
    mounts: tuple[Mount, ...]
    hidden: tuple[str, ...]
    library_path: str


@functools.cache
def interpreter() -> Interpreter:
    """The interpreter that runs us, or the one from which our environment was made."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    program = Path(base).resolve()
    # Of the base: an environment's own folder of that name has nothing but packages.
    base_of = {"platbase": sys.base_exec_prefix, "installed_base": sys.base_prefix}
    standard = {Path(sysconfig.get_path(name, vars=base_of)) for name in ("stdlib", "platstdlib")}
    extensions = [path for folder in standard for path in folder.glob("lib-dynload/*.so")]
    mounts, library_path = libraries(program, *extensions)
    folders = [Mount(str(program), str(program))]
    folders += [Mount(str(folder), str(folder)) for folder in sorted(standard)]
    hidden = [str(folder / "site-packages") for folder in sorted(standard)]
    return Interpreter(
        str(program),
        (*folders, *mounts),
        tuple(folder for folder in hidden if Path(folder).is_dir()),
        library_path,
    )


def libraries(*programs: Path) -> tuple[tuple[Mount, ...], str]:
    """What programs are linked against: the system's library folders, other libraries one by one.

    Returns the mounts, and the path on which the loader finds all of them.
    """
    told = subprocess.run(
        ["ldd", *map(str, programs)], capture_output=True, text=True, check=False, timeout=60
    ).stdout
    places = {Path(name) for name in _LIBRARY.findall(told)}
    system = {str(place.parent) for place in places if str(place).startswith(_SYSTEM)}
    single = {str(place) for place in places if str(place.parent) not in system}
    mounts = tuple(Mount(name, name) for name in sorted(system | single))
    return mounts, ":".join(sorted(system | {str(Path(name).parent) for name in single}))


@functools.cache
def package_mounts(names: tuple[str, ...]) -> tuple[Mount, ...]:
    """Installed packages, each with the libraries that its wheel brought.

    Raises:
        InputError: one is not installed.
    """
    mounts = []
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or not spec.submodule_search_locations:
            raise InputError(
                f"The tests need the package {name}, which is not installed here.",
                fix=f"Install it beside weighbridge: pip install {name}.",
            )
        folder = Path(spec.origin).parent
        beside = folder.with_name(f"{name}.libs")
        mounts += [
            Mount(str(one), f"{PACKAGES}/{one.name}") for one in (folder, beside) if one.is_dir()
        ]
    return tuple(mounts)
