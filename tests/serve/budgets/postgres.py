"""A real PostgreSQL for tests, from Debian's package: a cluster of its own, on a socket only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")


def _programs() -> Path | None:
    # Debian keeps them off the path, a folder per version.
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


@dataclass(frozen=True)
class Cluster:
    """A server that can be stopped and started."""

    programs: Path
    folder: Path

    @property
    def address(self) -> str:
        return f"postgresql:///postgres?host={self.folder}&user=weighbridge"

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")

    def stop(self, how: str = "immediate") -> None:
        self._run("pg_ctl", "-D", "data", "-m", how, "-w", "stop")

    def make(self) -> None:
        self._run("initdb", "-D", "data", "-U", "weighbridge", "-A", "trust", "--no-sync")

    def _run(self, program: str, *words: str) -> None:
        # PostgreSQL refuses to run as root; its package makes a user.
        as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        log = self.folder / "output"
        with log.open("ab") as output:  # not a pipe: the server keeps it open
            done = subprocess.run(
                [*as_other, str(self.programs / program), *words],
                cwd=self.folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                check=False, timeout=60,
            )  # fmt: skip
        assert done.returncode == 0, log.read_text(errors="replace")[-2000:]


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running server; skips the test where there is none to be had."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # Not below pytest's folder, which only its own user may enter; sockets want short paths too.
    folder = Path(mkdtemp(prefix="weigh-pg-"))
    try:
        if os.geteuid() == 0:
            try:
                shutil.chown(folder, "postgres")
            except LookupError:
                pytest.skip("there is no user postgres, and PostgreSQL does not run as root")
        server = Cluster(programs, folder)
        server.make()
        server.start()
        try:
            yield server
        finally:
            if (folder / "data/postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
