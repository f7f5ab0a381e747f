"""A blind rating as it is kept: its inputs, the models' answers, and who may rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.core.ballots import Ballot, Choice, RatingResults
from weighbridge.core.provenance import Interval


@dataclass(frozen=True, slots=True)
class RatingInfo:
    """What tells a rating from others.

    Attributes:
        id: its name in the workspace.
        created: when, UTC, ISO 8601.
        origin: ``blind`` for one that is rated here, ``import`` for votes from a file.
        source: the file that its inputs or votes came from.
        models: their names, the first being the reference; never sent to a rater's browser.
        inputs: how many.
        seed: of the sides and the order of the inputs.
        closed: when rating ended; empty while it goes on.
        target: ballots asked of each rater.
        key: hash of what is asked of whom, by which an interrupted start is taken up.
    """

    id: str
    created: str
    origin: Literal["blind", "import"]
    source: str
    models: tuple[str, ...]
    inputs: int
    seed: int = 0
    closed: str = ""
    target: int = 0
    key: str = ""

    @property
    def state(self) -> Literal["open", "closed", "imported"]:
        """Whether votes are taken, in a word."""
        if self.origin == "import":
            return "imported"
        return "closed" if self.closed else "open"


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a conversation."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class RatingInput:
    """What the models are asked.

    Attributes:
        id: tells it from others.
        prompt: the last message, or the whole input.
        before: the messages before it.
        task: what kind of input it is; empty where nobody says.
        group: what inputs of one group share; empty where each stands alone.
    """

    id: str
    prompt: str
    before: tuple[Said, ...] = ()
    task: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class RatingAnswer:
    """What a model answered.

    Attributes:
        item: the input.
        model: who answered.
        text: the answer as it came; raters see it tidied.
        error: why there is none; empty where there is one.
        asked: hash of what was sent.
        finish: why it ended, as the server says.
    """

    item: str
    model: str
    text: str
    error: str = ""
    asked: str = ""
    finish: str = ""


@dataclass(frozen=True, slots=True)
class Rater:
    """Who rates, and the secret in his or her link."""

    name: str
    token: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two answers to one input, as one rater sees them.

    Attributes:
        item: the input.
        a: the model on the left.
        b: the model on the right.
    """

    item: str
    a: str
    b: str

    @property
    def key(self) -> tuple[str, str, str]:
        """The same whichever side is left."""
        return (self.item, min(self.a, self.b), max(self.a, self.b))


@dataclass(frozen=True, slots=True)
class Marked:
    """What a rater says of a pairing."""

    winner: Choice
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Alike:
    """Two models that answer some inputs word for word the same, of which nobody is asked.

    Attributes:
        a: a model.
        b: another.
        n: inputs with the same answer.
        inputs: inputs that both answer.
        rate: the win rate of ``a`` over all of these, the same answers as ties; None where nobody
            has judged the others.
    """

    a: str
    b: str
    n: int
    inputs: int
    rate: Interval | None

    @property
    def sentence(self) -> str:
        """What it means for the win rate."""
        said = (
            f"{self.a} and {self.b} answer {self.n} of {self.inputs} inputs word for word the "
            "same, and nobody is asked on these: strengths and win rates are on the others"
        )
        if self.rate is None:
            return f"{said}."
        value, low, high = (100 * x for x in (self.rate.value, self.rate.low, self.rate.high))
        return f"{said}. With them as ties {self.a} wins {value:.0f} % ({low:.0f} to {high:.0f} %)."


@dataclass(frozen=True, slots=True)
class RatingReport:
    """All that is shown of a rating's ballots.

    Attributes:
        info: the rating.
        results: what the ballots say, with all notes.
        alike: the models that answer alike.
        reasons: the ballots beside which somebody wrote why, the newest first.
    """

    info: RatingInfo
    results: RatingResults
    alike: tuple[Alike, ...]
    reasons: tuple[Ballot, ...]
