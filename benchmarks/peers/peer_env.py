"""A virtual environment for each peer, made once and kept in a folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Package:
    """What pip is to install into one environment.

    Attributes:
        name: of the environment's folder.
        steps: arguments of each call of pip, in order.
        distribution: whose version is printed.
        check: a module whose import shows that it works.
        remove: what comes along and does harm.
    """

    name: str
    steps: tuple[tuple[str, ...], ...]
    distribution: str
    check: str
    remove: tuple[str, ...] = ()


class PeerEnvironment:
    """One environment below ``folder``."""

    def __init__(self, folder: Path, package: Package) -> None:
        self.package = package
        self.folder = folder / package.name
        self.python = self.folder / "bin" / "python"

    def install(self) -> str:
        """Install what is not yet installed; returns why that failed, or nothing."""
        mark = self.folder / "installed"
        wanted = repr((self.package.steps, self.package.remove))
        if mark.exists() and mark.read_text() == wanted:
            return ""
        if not self.python.exists():
            subprocess.run([sys.executable, "-m", "venv", self.folder], check=True)
        print(f"Installing {self.package.name} into {self.folder} …", file=sys.stderr)
        for step in self.package.steps:
            trouble = self._pip("install", "--no-cache-dir", *step)
            if trouble:
                return trouble
        if self.package.remove:
            self._pip("uninstall", "-y", *self.package.remove)
        trouble = self._import()
        if not trouble:
            mark.write_text(wanted)
        return trouble

    def _pip(self, *arguments: str) -> str:
        pip = [self.python, "-m", "pip", "-q", *arguments]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else f"pip: {_last_line(done.stderr)}"

    def _import(self) -> str:
        done = subprocess.run(
            [self.python, "-c", f"import {self.package.check}"],
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if done.returncode == 0 else f"import: {_last_line(done.stderr)}"

    def version(self) -> str:
        """The installed version of its distribution."""
        code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
        command = [self.python, "-c", code, self.package.distribution]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() or "unknown"


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "it failed and said nothing"


def make_tokenizer(folder: Path) -> Path:
    """A small tokenizer of Hugging Face's format, below ``folder``."""
    package = Package("tokenizer", (("tokenizers",),), "tokenizers", "tokenizers")
    environment = PeerEnvironment(folder, package)
    trouble = environment.install()
    if trouble:
        sys.exit(f"The tokenizer that the peers need cannot be made: {trouble}")
    made = folder / "wordlevel"
    shutil.rmtree(made, ignore_errors=True)
    subprocess.run([environment.python, HERE / "make_tokenizer.py", made], check=True)
    return made
