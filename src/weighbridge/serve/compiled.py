"""Whether the data plane of this installation is machine code (`make compiled`)."""

from __future__ import annotations

from importlib.util import find_spec


def is_compiled() -> bool:
    """Whether it is; looks at files and imports nothing of it."""
    spec = find_spec("weighbridge.wire.responder")
    return spec is not None and not (spec.origin or "").endswith(".py")
