"""What a process does once before it serves for days."""

from __future__ import annotations

import gc

# A request leaves nothing behind in a circle: looking for circles seldom is enough.
_YOUNG, _MIDDLE, _OLD = 20_000, 50, 100


def settle_memory() -> None:
    """Have the garbage collector leave alone what was made until now, and look seldom.

    To be called once everything is imported and made: that stays until the end, and walking
    through it would stop every stream for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
