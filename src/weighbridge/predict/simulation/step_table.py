"""Step times worked out beforehand, so that a simulated step costs a look-up.

Of :mod:`weighbridge.predict.serving.step_time` a table is made once per scene: seconds of a
decoding step for every number of sequences at some lengths, and seconds of reading prompts. In
between is interpolated; both are almost straight lines there.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np

from weighbridge.core.errors import InputError
from weighbridge.predict.serving.coefficients import ServingCoefficients
from weighbridge.predict.serving.scenes import Scene, Scenes, scenes
from weighbridge.predict.serving.step_time import by_engine, decode_step_s, kernels, prefill_s

_HIDDEN: Final = 5120.0
# Lengths between which a step's time is taken for a straight line; the limits of sliding windows
# are added, where it has corners.
_LENGTHS: Final = 12
_PROMPTS: Final = 64
_MOST_SEQUENCES: Final = 4096


@dataclass(frozen=True, slots=True)
class Speculation:
    """Tokens guessed ahead in each step, and checked by the model in one go.

    Attributes:
        guessed: per step and sequence.
        accepted: the chance that a guess holds, given that those before it did.
        cost: of one guess, as a share of a decoding step.
    """

    guessed: int
    accepted: float
    cost: float = 0.0

    @property
    def tokens_per_step(self) -> float:
        """Expected: 1 + a + a² + … (Leviathan et al. 2023, arXiv:2211.17192, equation 1)."""
        return sum(self.accepted**place for place in range(self.guessed + 1))


@dataclass(frozen=True, slots=True)
class StepTable:
    """How long steps of one replica take.

    Attributes:
        lengths: of sequences, ascending from 0: the columns of ``decode``.
        decode: seconds of a step; row n is of n + 1 sequences that each got a token.
        prompts: numbers of tokens, ascending from 0.
        prefill: seconds that reading so many tokens from the beginning takes, on top of the step
            that they are part of.
        tokens_per_step: that each sequence gets; above 1 with speculative decoding.
        prefill_step_s: what a step that reads a prompt takes longer, whatever the prompt's length.
        intake_s: from a request's arrival until the scheduler sees it, and from its first token
            until the client does; none of it holds anybody else up.
    """

    lengths: tuple[float, ...]
    decode: tuple[tuple[float, ...], ...]
    prompts: tuple[float, ...]
    prefill: tuple[float, ...]
    tokens_per_step: float = 1.0
    prefill_step_s: float = 0.0
    intake_s: float = 0.0

    def decode_s(self, sequences: int, held: float) -> float:
        """A step of ``sequences`` that hold ``held`` tokens together."""
        row = self.decode[min(sequences, len(self.decode)) - 1]
        return _between(self.lengths, row, held / sequences)

    def prefill_s(self, start: float, end: float) -> float:
        """Reading tokens ``start`` to ``end`` of a prompt."""
        return _between(self.prompts, self.prefill, end) - _between(
            self.prompts, self.prefill, start
        )


def step_table(
    scene: Scene,
    c: ServingCoefficients,
    *,
    sequences: int,
    longest: float,
    speculation: Speculation | None = None,
) -> StepTable:
    """The table of one copy of attention of ``scene``, for up to so many and so long sequences.

    Copies of attention step together, so that the others are taken to be as full as this one.
    """
    _check(speculation)
    s = scenes([scene])
    sequences = max(1, min(sequences, _MOST_SEQUENCES))
    lengths = _corners(longest, float(s.kv_limit[0]))
    prompts = np.unique(np.concatenate([[0.0], np.geomspace(1.0, longest, _PROMPTS)]))
    reading = prefill_s(s, c, prompts) * c.interference
    return StepTable(
        lengths=tuple(lengths.tolist()),
        decode=_decode(s, c, sequences, lengths, speculation),
        prompts=tuple(prompts.tolist()),
        prefill=tuple(reading.tolist()),
        tokens_per_step=speculation.tokens_per_step if speculation else 1.0,
        prefill_step_s=0.0,
        intake_s=_intake_s(s, c),
    )


def _intake_s(s: Scenes, c: ServingCoefficients) -> float:
    floor = np.where(s.old_trtllm > 0, c.first_floor_old_s, by_engine(c.first_floor_s, s))
    launching = kernels(s, c) * c.first_launch_s * (s.hidden / _HIDDEN) ** c.first_width
    return float((floor + launching)[0])


def _decode(
    s: Scenes,
    c: ServingCoefficients,
    sequences: int,
    lengths: np.ndarray[tuple[int], np.dtype[np.float64]],
    speculation: Speculation | None,
) -> tuple[tuple[float, ...], ...]:
    """Checking n guesses of a sequence multiplies like n sequences, but reads its cache once."""
    width = speculation.guessed + 1 if speculation else 1
    copies = float(s.attention_data[0])
    running = np.arange(1, sequences + 1, dtype=np.float64)[:, None] * width * copies
    seconds = decode_step_s(s, c, running, lengths[None, :] / width)
    if speculation:
        seconds = seconds * (1 + speculation.guessed * speculation.cost)
    elif s.speculative[0] > 0:
        seconds = seconds / c.speculation
    return tuple(map(tuple, seconds.tolist()))


def _corners(longest: float, limit: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    lengths = np.concatenate([[0.0, limit], np.linspace(0.0, longest, _LENGTHS)])
    return np.unique(lengths[lengths <= longest])


def _check(speculation: Speculation | None) -> None:
    if speculation and not (0 <= speculation.accepted <= 1 and speculation.guessed >= 0):
        raise InputError(
            f"{speculation.guessed} guesses of which {speculation.accepted:g} are accepted are not"
            " possible.",
            fix="Give a number of guesses, and a share from 0 to 1.",
        )


def _between(places: tuple[float, ...], values: tuple[float, ...], at: float) -> float:
    """Linear interpolation; beyond the ends along the outermost piece."""
    above = bisect_right(places, at, 1, len(places) - 1)
    left, low = places[above - 1], values[above - 1]
    return low + (values[above] - low) * (at - left) / (places[above] - left)
