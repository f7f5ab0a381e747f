"""How large the numbers of a model may be before a configuration is taken for damaged."""

from __future__ import annotations

from typing import Final

DEEPEST: Final = 4096
"""Most layers that are read; the deepest published models have fewer than 200."""

LARGEST: Final = 2**40
"""No dimension of a model is larger; a larger number is damage, and slow to multiply."""
