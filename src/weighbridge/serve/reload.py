"""Noticing that the configuration on disk has changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

_LOOK_S: Final = 1.0
# Editors replace a file within a blink: only what stays away is worth a word.
_GONE_LOOKS: Final = 3

State = tuple[int, int, int] | None


def state_of(path: Path) -> State:
    """What tells one content of a file from the next without reading it; None where there is none.

    The inode is part of it: editors write a new file and rename it over the old one.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 -- the same, ten times faster
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


async def watch(
    path: Path, reload: Callable[[], Awaitable[None]], gone: Callable[[], None] = lambda: None
) -> None:
    """Call ``reload`` whenever the file has changed and then stood still for one look.

    A file that is being written changes from look to look; one that is gone for a moment, because
    an editor replaces it, is waited for. ``gone`` is called once where it stays away; when it is
    back it is read again, whatever it says.
    """
    known = before = state_of(path)
    missed = 0
    while True:
        await asyncio.sleep(_LOOK_S)
        now = state_of(path)
        missed = missed + 1 if now is None else 0
        if missed == _GONE_LOOKS:
            known = None
            gone()
        if now is not None and now != known and now == before:
            known = now
            await reload()
        before = now
