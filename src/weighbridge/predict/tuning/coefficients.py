"""How far a training step's memory is off what counting gives; see tools/fit_tuning.py.

Nothing of the counting is fitted: three coefficients were tried, and on models that a fit had not
seen they were worse than what follows from the tensors alone (benchmarks/RESULTS.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).parents[1] / "coefficients" / "tuning.toml"


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The counts that may be fitted, and the intervals that published runs give.

    Attributes:
        chunked_logit_bytes: per token and entry of the vocabulary, where the loss takes an eighth
            of the tokens at a time: all logits in 16 bits, an eighth of them in float32.
        full_logit_bytes: the same at once: in 16 bits, in float32, and their softmax.
        kept: activations in use over those counted.
        spread: half of the 80 % interval of what PyTorch counts, as a share.
        reserve: ends of the interval of memory held over memory active: beyond, there is the
            allocator's pool, and what other software does differently.
        source: which runs the intervals are from.
        date: when they were published, ISO 8601.
    """

    chunked_logit_bytes: float = 2 + 4 / 8
    full_logit_bytes: float = 2.0 + 4.0 + 4.0
    kept: float = 1.0
    spread: float = 0.0
    reserve: tuple[float, float] = (1.0, 1.0)
    source: str = ""
    date: str = ""


COUNTED: Final = Coefficients()


@cache
def coefficients() -> Coefficients:
    """The counts, with the intervals that come with the package; the file is read once."""
    import tomllib  # noqa: PLC0415 -- read once, and only by those who predict

    raw: dict[str, Any] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return Coefficients(**raw | {"reserve": tuple(raw["reserve"])})
