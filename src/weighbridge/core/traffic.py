"""What a load run sends, and when: the shape of a load, and the conversations it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Arrivals = Literal["poisson", "constant", "gamma"]
ShapeKind = Literal["closed", "open", "ramp", "replay"]


@dataclass(frozen=True, slots=True)
class LoadShape:
    """How the requests of a level come.

    Attributes:
        kind: ``closed``: each of ``concurrency`` users waits for its answer before it asks again.
            ``open``: requests come at ``rate``, whatever the server does. ``ramp``: likewise, the
            rate growing evenly from nearly nothing to ``rate``. ``replay``: at the recorded times
            of a trace.
        concurrency: users of a closed loop; otherwise the most requests in flight, None for no
            limit.
        rate: requests per second of an open loop or at the end of a ramp, or of a trace as
            replayed; None for a closed loop.
        arrivals: the process of an open loop or ramp.
        burstiness: of gamma arrivals: the squared coefficient of variation of the times between
            them; 1 is Poisson, more comes in bursts.
        speed: by how much a trace is played faster than it was recorded.
    """

    kind: ShapeKind
    concurrency: int | None = None
    rate: float | None = None
    arrivals: Arrivals = "poisson"
    burstiness: float = 1.0
    speed: float = 1.0

    def __str__(self) -> str:
        if self.kind == "closed":
            return f"{self.concurrency} user{'' if self.concurrency == 1 else 's'}"
        how = {"open": "", "ramp": "up to ", "replay": "trace, "}[self.kind]
        return f"{how}{self.rate:g}/s"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of a conversation.

    Attributes:
        messages: what it adds to the chat: mostly one message of the user.
        max_tokens: longest answer asked for.
        prompt_tokens: of ``messages`` by a tokenizer, or None where none counted.
        pause_s: what the user waits after the last answer before asking this.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    prompt_tokens: int | None = None
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """Requests of which each follows the answer to the one before; mostly just one.

    Attributes:
        turns: at least one. The real answers are part of the chat that later turns send.
        due_s: when its first request is due, in seconds from the level's start; None where it
            waits for a free user of a closed loop.
    """

    turns: tuple[Turn, ...]
    due_s: float | None = None
