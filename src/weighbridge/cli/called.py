"""How this user starts us."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def called_as() -> str:
    """``weigh`` where the shell finds it, else its path."""
    script = Path(sys.argv[0])
    found = shutil.which("weigh")
    if found and Path(found).resolve() == script.resolve():
        return "weigh"
    return shlex.quote(sys.argv[0])
