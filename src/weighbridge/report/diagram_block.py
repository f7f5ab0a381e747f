"""One block of the diagram: what it is, what it weighs, what it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.core.architecture import Component, MixerKind, MlpKind
from weighbridge.report.numbers import size

# Looked up by token: one row is read.
TABLES: tuple[Component, ...] = ("embedding", "per_layer_embedding")


@dataclass(frozen=True, slots=True)
class Growth:
    """What blocks keep of a sequence, in bytes.

    Attributes:
        per_token: that each further token adds, without limit.
        windowed: at most, of the layers that keep a window only.
        state: that does not depend on the length.
        known: False when some layer's cache is not modelled; the rest is then a lower bound.
    """

    per_token: float = 0.0
    windowed: float = 0.0
    state: float = 0.0
    known: bool = True

    def __add__(self, other: Growth) -> Growth:
        return Growth(
            self.per_token + other.per_token,
            self.windowed + other.windowed,
            self.state + other.state,
            self.known and other.known,
        )

    @property
    def text(self) -> str:
        """In few words; empty where nothing is kept."""
        return self.words(size)

    def words(self, write: Callable[[float], str]) -> str:
        """The same with sizes written another way."""
        parts = [f"+{write(self.per_token)}/token"] if self.per_token else []
        if self.windowed:
            parts.append(
                f"\N{LESS-THAN OR EQUAL TO}\N{NO-BREAK SPACE}{write(self.windowed)} window"
            )
        if self.state:
            parts.append(f"{write(self.state)} state")
        if not self.known:
            parts.append("not known")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Kind:
    """One layer in the strip: how it mixes tokens, its feed-forward part, and both in words."""

    mixer: MixerKind
    mlp: MlpKind
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """One block of the diagram; its numbers are those of all its copies in the model.

    Attributes:
        role: blocks of the same role are counterparts in different models.
        component: what it counts as; None for layers, which hold several.
        title: what it is.
        parameters: number of weights.
        size: their bytes.
        read: bytes of weights read to decode one token of text.
        sized: whether the number format is known; where not, ``size`` and ``read`` are 0.
        growth: what it keeps of a sequence.
        facts: its dimensions by name.
        formulas: how the numbers come about, by name.
        kinds: the layers inside, each of the repeated unit once.
        sequence: for the list of every layer: which of ``children`` each layer is.
        first: number of the first layer inside, from 0.
        depth: number of layers inside.
        children: the blocks inside.
    """

    role: str
    component: Component | None
    title: str
    parameters: int = 0
    size: float = 0.0
    read: float = 0.0
    sized: bool = True
    growth: Growth = Growth()
    facts: tuple[tuple[str, str], ...] = ()
    formulas: tuple[tuple[str, str], ...] = ()
    kinds: tuple[Kind, ...] = ()
    sequence: tuple[int, ...] = ()
    first: int = 0
    depth: int = 0
    children: tuple[Block, ...] = ()

    @property
    def size_text(self) -> str:
        """Bytes of the weights in words."""
        return self.size_words(size)

    def size_words(self, write: Callable[[float], str]) -> str:
        """The same with sizes written another way."""
        return write(self.size) if self.sized else "not known"

    @property
    def read_text(self) -> str:
        """Bytes read per decoded token in words."""
        return self.read_words(size)

    def read_words(self, write: Callable[[float], str]) -> str:
        """The same with sizes written another way."""
        if not self.sized:
            return "not known"
        if self.read or self.component is None:
            return f"{write(self.read)}/token"
        return "one row/token" if self.component in TABLES else "not for text"
