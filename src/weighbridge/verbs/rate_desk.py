"""The desk at which raters vote: who is shown what, and which ballots are kept.

What leaves it towards a rater has no name of a model, nothing made of one without the rating's
secret seed, and no count but the rater's own.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from weighbridge.core.ballots import CHOICES, Ballot, Choice
from weighbridge.core.errors import InputError, UnknownRunError
from weighbridge.core.rating_session import Pairing, Rater, RatingInfo, RatingInput
from weighbridge.measure.ratings.selection import Field, next_pairing
from weighbridge.measure.ratings.tidy import only_thinks, tidy
from weighbridge.verbs.rate import now
from weighbridge.workspace.ballots import Ratings

MOST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Shown:
    """What a rater sees.

    Attributes:
        id: of this ballot, for this rater only; empty where nothing is left.
        done: ballots that the rater has given.
        total: ballots asked for.
        before: the conversation before the input, as role and text.
        prompt: the input.
        left: the answer on the left.
        right: the answer on the right.
        chosen: what the rater said of it before taking it back.
        reason: what the rater wrote then.
        is_closed: whether the rating is over.
    """

    id: str
    done: int
    total: int
    before: tuple[tuple[str, str], ...] = ()
    prompt: str = ""
    left: str = ""
    right: str = ""
    chosen: Choice | None = None
    reason: str = ""
    is_closed: bool = False


@dataclass(slots=True)
class _Open:
    """A rating while it is rated: what seldom changes, read again when answers are added."""

    stamp: tuple[int, ...]
    field: Field
    inputs: dict[str, RatingInput]


@dataclass(frozen=True, slots=True)
class Seat:
    """A rater in his or her rating."""

    info: RatingInfo
    rater: Rater


class Desk:
    """Serves all raters of a workspace, one request at a time.

    Args:
        root: the workspace's folder.
    """

    def __init__(self, root: Path) -> None:
        self._ratings = Ratings(root)
        self._open: dict[str, _Open] = {}
        # What each rater has taken back and not judged again, the last one on top.
        self._taken_back: dict[str, list[tuple[Pairing, Ballot]]] = {}

    def seat(self, token: str) -> Seat:
        """Whose link this is.

        Raises:
            UnknownRunError: nobody's.
        """
        for info in self._ratings.all():
            for rater in self._ratings.raters(info.id):
                if hmac.compare_digest(rater.token.encode(), token.encode()):
                    return Seat(info, rater)
        raise UnknownRunError(
            "This link is not one of a rating here.", fix="Ask for it again, whole."
        )

    def show(self, seat: Seat) -> Shown:
        """What the rater is to judge next."""
        ballots = self._ratings.ballots(seat.info.id)
        field = self._of(seat.info).field
        mine = _by(seat, ballots)
        total = min(field.target, field.most)
        pairing = None if seat.info.closed else self._due(seat, ballots)
        if pairing is None:
            return Shown("", len(mine), total, is_closed=bool(seat.info.closed))
        asked = self._of(seat.info).inputs[pairing.item]
        back = self._back(seat)
        return Shown(
            self._id(seat, pairing),
            len(mine),
            total,
            tuple((said.role, tidy(said.text)) for said in asked.before),
            tidy(asked.prompt),
            field.texts[pairing.item, pairing.a],
            field.texts[pairing.item, pairing.b],
            back[1].winner if back else None,
            back[1].reason if back else "",
        )

    def vote(self, seat: Seat, ballot_id: str, winner: str, reason: str) -> bool:
        """Keep a ballot; False where it is not on what the rater is shown now.

        Raises:
            InputError: the vote is none.
        """
        choice = next((one for one in CHOICES if one == winner), None)
        if choice is None:
            raise InputError(f"{winner[:40]!r} is no vote.", fix="Vote a, b, tie or both_bad.")
        if len(reason) > MOST_REASON:
            raise InputError(f"A reason has {MOST_REASON} characters at most.")
        ballots = self._ratings.ballots(seat.info.id)
        pairing = None if seat.info.closed else self._due(seat, ballots)
        if pairing is None or not hmac.compare_digest(
            self._id(seat, pairing).encode(), ballot_id.encode("utf-8", "replace")
        ):
            return False
        asked = self._of(seat.info).inputs[pairing.item]
        ballot = Ballot(
            pairing.item, seat.rater.name, pairing.a, pairing.b, choice,
            task=asked.task, group=asked.group, reason=reason.strip(), time=now(),
        )  # fmt: skip
        self._ratings.add_ballot(seat.info.id, ballot)
        if self._back(seat):
            self._taken_back[seat.rater.token].pop()
        return True

    def undo(self, seat: Seat) -> bool:
        """Take the rater's last ballot back; False where there is none."""
        mine = _by(seat, self._ratings.ballots(seat.info.id))
        if not mine or seat.info.closed:
            return False
        last = mine[-1]
        self._ratings.undo(seat.info.id, seat.rater.name)
        taken_back = self._taken_back.setdefault(seat.rater.token, [])
        taken_back.append((Pairing(last.item, last.a, last.b), last))
        return True

    def _due(self, seat: Seat, ballots: Sequence[Ballot]) -> Pairing | None:
        field = self._of(seat.info).field
        back = self._back(seat)
        if back is not None:
            return back[0]
        # A ballot that waits must stay the same whatever others vote meanwhile: only what was
        # there when this rater voted last counts.
        return next_pairing(field, seat.rater.name, _until_last_of(seat, ballots))

    def _back(self, seat: Seat) -> tuple[Pairing, Ballot] | None:
        """What the rater took back last and has not judged again."""
        return next(reversed(self._taken_back.get(seat.rater.token, [])), None)

    def _id(self, seat: Seat, pairing: Pairing) -> str:
        key = f"{seat.info.seed}\0{seat.rater.token}".encode()[:64]
        text = "\0".join((pairing.item, pairing.a, pairing.b)).encode("utf-8", "replace")
        return blake2b(text, digest_size=12, key=key).hexdigest()

    def _of(self, info: RatingInfo) -> _Open:
        found = self._open.get(info.id)
        stamp = (*self._ratings.stamp(info.id), info.target)
        if found is None or found.stamp != stamp:
            found = _Open(
                stamp,
                field_of(self._ratings, info),
                {one.id: one for one in self._ratings.inputs(info.id)},
            )
            self._open[info.id] = found
        return found


def field_of(ratings: Ratings, info: RatingInfo) -> Field:
    """All that may be compared in a rating."""
    texts = {
        (one.item, one.model): tidy(one.text)
        for one in ratings.answers(info.id)
        if not one.error and not only_thinks(one.text)
    }
    items = [one.id for one in ratings.inputs(info.id)]
    return Field(info.models, texts, items, info.seed, info.target or len(items))


def _by(seat: Seat, ballots: Sequence[Ballot]) -> list[Ballot]:
    return [one for one in ballots if one.rater == seat.rater.name and not one.judge]


def _until_last_of(seat: Seat, ballots: Sequence[Ballot]) -> Sequence[Ballot]:
    for place in range(len(ballots) - 1, -1, -1):
        if ballots[place].rater == seat.rater.name and not ballots[place].judge:
            return ballots[: place + 1]
    return ()
