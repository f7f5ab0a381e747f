"""A request on its way through a simulated engine."""

from __future__ import annotations

import math

from weighbridge.core.workload import Request
from weighbridge.predict.simulation.gaps import Meter


class Sequence:
    """A request on its way; the replica's own, changed as it goes."""

    __slots__ = (
        "admitted_s",
        "began",
        "first_s",
        "fixed",
        "index",
        "kept",
        "left",
        "meter",
        "paused_s",
        "preemptions",
        "prefix",
        "read",
        "request",
        "sent_s",
        "steps",
        "to_read",
    )

    def __init__(self, index: int, request: Request, sent_s: float, fixed: float) -> None:
        self.index, self.request, self.sent_s, self.fixed = index, request, sent_s, fixed
        self.left = request.output_tokens  # tokens still to come
        self.to_read = float(request.prompt_tokens)  # all that its cache has to hold to go on
        self.read = 0.0  # how much of that is in the cache
        self.prefix = 0.0  # of which the cache held this for all
        self.kept = -math.inf  # up to when, by tokens taken, something of its own is left
        self.began = self.steps = 0  # in which step its decoding began, and how many it takes
        self.admitted_s = self.first_s = self.paused_s = -1.0
        self.preemptions = 0
        self.meter = Meter()
