"""Programs that suites run in the sandbox: found on this machine, shown inside in ``/tools``."""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.core.errors import InputError
from weighbridge.measure.sandbox.interpreter import libraries
from weighbridge.measure.sandbox.jail import SCRATCH, Mount

SOLIDITY = "solidity"
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/alternatives")
_NAME = re.compile(r"\w[\w.+-]*")
_FORGE = "bin/forge"
_SHIM = ".tools/solc"
# forge asks a compiler for its version in the words of the native one.
_SHIM_SOURCE = """#!/tools/node
const compiler = require("/tools/node_modules/solc");
if (process.argv.includes("--version")) {
  const version = compiler.version().replace("Emscripten.clang", "Linux.g++");
  console.log(`solc, the solidity compiler commandline interface\\nVersion: ${version}`);
} else {
  const asked = require("fs").readFileSync(0, "utf8");
  process.stdout.write(compiler.compile(asked));
}
"""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a command needs of the host.

    Attributes:
        mounts: programs and their libraries.
        files: small programs of ours, written beside the task's files.
        environment: where they are found.
    """

    mounts: tuple[Mount, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


@functools.cache
def find_tools(names: str | tuple[str, ...]) -> Tools:
    """Solidity's tools, or programs of this system by their names; without names nothing.

    Raises:
        InputError: something of them is not installed; says how to get it.
    """
    if names == SOLIDITY:
        return solidity_tools(os.environ)
    return system_tools((names,) if isinstance(names, str) else names) if names else Tools()


def system_tools(names: tuple[str, ...]) -> Tools:
    """Programs that the system installed, with all of ``/usr`` read-only: a compiler needs its
    headers, its linker and other parts. Nothing of ``/etc``, ``/home`` or ``/var`` but the links
    by which Debian chooses among alternatives.

    Raises:
        InputError: one is no name of a program, or is not installed there.
    """  # noqa: D205 -- one thought
    for name in names:
        found = shutil.which(name, path=_SYSTEM_PATH) if _NAME.fullmatch(name) else None
        if found is None:
            raise InputError(
                f"The suite needs the program {name!r}, which is not in {_SYSTEM_PATH}.",
                fix="Install it as a package of your system, or mend the suite's `tools`: names "
                "of programs, without folders.",
            )
    mounts = tuple(Mount(path, path) for path in _SYSTEM if Path(path).exists())
    return Tools(mounts, environment={"PATH": _SYSTEM_PATH})


def npm_folder(environment: Mapping[str, str]) -> Path:
    """Where npm is told to put the packages, and where they are looked for."""
    base = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "weighbridge" / "npm"


def solidity_tools(environment: Mapping[str, str]) -> Tools:
    """forge, and a native solc or npm's with node to run it.

    Raises:
        InputError: one is missing.
    """
    npm = npm_folder(environment)
    forge = _forge(environment, npm)
    native = environment.get("WEIGHBRIDGE_SOLC") or shutil.which(
        "solc", path=environment.get("PATH")
    )
    if forge and native and Path(native).is_file():
        programs = {"/tools/forge": forge, "/tools/solc": Path(native)}
        return _shown(programs, (), {}, "/tools/solc")
    node = shutil.which("node", path=environment.get("PATH"))
    compiler = npm / "node_modules" / "solc"
    missing = [
        what
        for what, there in (("forge", forge), ("solc", compiler.is_dir()), ("node", node))
        if not there
    ]
    if missing or forge is None or node is None:
        raise InputError(
            f"The Solidity suite needs {' and '.join(missing)}, not found here.",
            fix=f"Get them with node and: npm install --prefix {npm} @foundry-rs/forge solc "
            "(or name a forge of your own in WEIGHBRIDGE_FORGE and a solc in WEIGHBRIDGE_SOLC).",
        )
    packages = (Mount(str(npm / "node_modules"), "/tools/node_modules"),)
    programs = {"/tools/forge": forge, "/tools/node": Path(node)}
    shim = {_SHIM: _SHIM_SOURCE.encode()}
    return _shown(programs, packages, shim, f"{SCRATCH}/{_SHIM}")


def _shown(
    programs: Mapping[str, Path], more: tuple[Mount, ...], files: Mapping[str, bytes], solc: str
) -> Tools:
    real = {target: path.resolve() for target, path in programs.items()}
    needed, library_path = libraries(*real.values())
    own = tuple(Mount(str(path), target) for target, path in real.items())
    environment = {
        "PATH": "/tools",
        "FOUNDRY_SOLC": solc,
        "FOUNDRY_OFFLINE": "true",
        "LD_LIBRARY_PATH": library_path,
        # Its threads are counted as processes, and reserve memory each.
        "RAYON_NUM_THREADS": "2",
        "UV_THREADPOOL_SIZE": "1",
    }
    return Tools(own + more + needed, files, environment)


def _forge(environment: Mapping[str, str], npm: Path) -> Path | None:
    """The native program: what npm puts on a PATH is a script that needs node to find it."""
    named = environment.get("WEIGHBRIDGE_FORGE")
    if named:
        return Path(named) if Path(named).is_file() else None
    packages = sorted((npm / "node_modules" / "@foundry-rs").glob(f"forge-linux-*/{_FORGE}"))
    if packages:
        return packages[0]
    found = shutil.which("forge", path=environment.get("PATH"))
    if found is None:
        return None
    with Path(found).open("rb") as file:
        return Path(found) if file.read(4) == b"\x7fELF" else None
