"""Asking other programs, without ever waiting long or failing for their sake."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

# A driver in trouble answers late or never; nobody should wait for a doctor longer than this.
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said.

    Attributes:
        code: its exit status; None when it did not end in time or could not be started.
        out: its standard output.
        err: its standard error.
    """

    code: int | None
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.code == 0


def located(command: str, path: str | None = None) -> str | None:
    """Where a program is on ``path``, by default the PATH of this process."""
    return shutil.which(command, path=path)


def ask(command: Sequence[str], *, timeout_s: float = PATIENCE_S) -> Answer:
    """Run a program to its end and take what it says; never raises."""
    environment = os.environ | {"LC_ALL": "C"}  # decimal points, English words
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return Answer(None, "", f"no answer within {timeout_s:g} s")
    except (OSError, ValueError) as error:
        return Answer(None, "", str(error))
    out, err = (text.decode("utf-8", errors="replace") for text in (done.stdout, done.stderr))
    return Answer(done.returncode, out, err)
