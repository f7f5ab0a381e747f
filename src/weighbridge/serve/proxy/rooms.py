"""What a passage asks of the plane it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.core.gateway import Outcome
    from weighbridge.core.http import Headers
    from weighbridge.serve.proxy.target import Targets
    from weighbridge.serve.proxy.times import Times
    from weighbridge.serve.seams import Access, Balancer, Fleet, Policy, Witness


class Rooms(Protocol):
    """The other rooms of the gateway, and what all passages share."""

    access: Access
    policy: Policy
    fleet: Fleet
    balancer: Balancer
    witnesses: tuple[Witness, ...]
    left: Callable[[object], None]
    """A passage has ended."""
    times: Times
    targets: Targets

    def told(self, model: str, why: str) -> bytes:
        """The header lines that tell the client who answers, and why."""

    def answer_lines(self, status: int, headers: Headers) -> bytes:
        """Status line and headers of an engine's answer, as they go to the client."""

    def tell(self, outcome: Outcome) -> None:
        """Tell every observer."""
