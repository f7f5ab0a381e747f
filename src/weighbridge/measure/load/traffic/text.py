"""Synthetic text of a wanted number of tokens: plain words, the same for the same seed.

Texts are slices of one long row of random words, so that thousands of long prompts cost little to
make. Each begins with an opening of its own, unless it is to share its beginning: servers cache
what prompts have in common from the start, so different beginnings keep a cache out.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final

from weighbridge.measure.load.traffic.tokens import TokenCounter

# Ordinary words: in most vocabularies of language models each is one token.
_LISTED: Final = """
    able about above accept across act add after again against age ago agree air all allow almost
    along already also always among amount animal answer apple area arm around arrive art ask away
    baby back bad bag ball bank base basic bear beat become bed before begin behind believe bell
    below best better between big bird birth black blood blow blue board boat body bone book born
    both bottom box boy branch bread break bridge bright bring brother brown build burn business
    busy buy call calm camera camp captain car card care carry case castle cat catch cause center
    chair chance change chapter charge check chest child choose church circle city class clean
    clear climb clock close cloth cloud coast coat coffee cold collect color come common compare
    complete contain continue control cook cool copy corner correct cost cotton count country
    course cover create cross crowd current cut dance dark date daughter day deal dear decide deep
    depend describe desert design detail develop difference dinner direct discover distance divide
    doctor dog dollar door double down draw dream dress drink drive drop dry during dust each ear
    early earth east easy eat edge effect egg eight either electric else empty end enemy energy
    engine enjoy enough enter equal even evening event ever every exact example except excite
    exercise expect experience explain eye face fact fair fall family famous far farm fast father
    favor fear feed feel few field fight figure fill final find fine finger finish fire first fish
"""
WORDS: Final = tuple(_LISTED.split())
CLOSE: Final = " Write a long story in which these words occur."
# Assumed where neither a tokenizer nor the server tells: a token for each word and one for
# the full stop after every twelfth, as counted with tokenizers of DeepSeek and Claude models.
TYPICAL_TOKENS_PER_WORD: Final = 13 / 12
_FEWEST_PER_WORD: Final = 0.2
_MOST_PER_WORD: Final = 10.0
# By how much words of one short text may take more tokens than those of another.
_CHANCE: Final = 1.5
_OPENING: Final = 4
_SENTENCE: Final = 12
# Texts of fewer tokens have no request to write.
_LEAST_WITH_CLOSE: Final = 32
# Words of the row beyond the longest text, so that texts go on at different places in it.
_SPARE: Final = 4096
_FEWEST_OPENERS: Final = 64
_ATTEMPTS: Final = 6


@dataclass(frozen=True, slots=True)
class Passage:
    """A text, and how many tokens a tokenizer finds in it; None where none counted."""

    text: str
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a server counts our words, by its own usage.

    Attributes:
        tokens_per_word: of synthetic text.
        overhead: tokens that its chat template adds to a message.
    """

    tokens_per_word: float
    overhead: int


def calibrate(first: tuple[int, int], second: tuple[int, int]) -> Calibration | None:
    """What two probes of different length tell; each is (words sent, prompt tokens counted).

    None where the counts cannot be of these texts, so that no wrong length is built on them.
    """
    (few, low), (many, high) = sorted((first, second))
    if few < 1 or many == few:
        return None
    per_word = (high - low) / (many - few)
    overhead = round(low - per_word * few)
    if overhead < 0:
        # A little below zero is the chance of which words came; more is a count of something else.
        if high * few > _CHANCE * low * many:
            return None
        per_word, overhead = high / many, 0
    if not _FEWEST_PER_WORD <= per_word <= _MOST_PER_WORD:
        return None
    return Calibration(per_word, overhead)


def probe_text(seed: int, words: int, salt: str = "") -> str:
    """A text of so many words to calibrate by; those of two lengths begin differently."""
    source = TextSource(seed, longest=words, tokens_per_word=1.0, salt=f"probe {words} {salt}")
    return source.fresh(words).text


class TextSource:
    """Texts of wanted token counts, by a tokenizer, or by words at so many tokens each."""

    def __init__(
        self,
        seed: int,
        *,
        longest: int,
        counter: TokenCounter | None = None,
        tokens_per_word: float = TYPICAL_TOKENS_PER_WORD,
        salt: str = "",
    ) -> None:
        """Lay out the row.

        Args:
            seed: of everything.
            longest: tokens of the longest text that will be asked for.
            counter: counts exactly; without one, words stand for tokens.
            tokens_per_word: where there is no counter.
            salt: another gives other beginnings, so that a second run finds no text cached.
        """
        self._counter = counter
        self._name = f"{seed} {salt}"
        self._cost = _costs(counter, max(_FEWEST_PER_WORD, tokens_per_word))
        per_word = 1.0 if counter else self._cost("")
        self._row, self._ends, self._sums = _row(
            seed, _SPARE + int(longest / per_word) + 1, self._cost
        )
        self._openers, self._fillers = _openers_and_fillers(counter, self._cost)
        self._close_cost = self._cost(CLOSE) if counter else self._cost("") * len(CLOSE.split())
        # The request to write is at most a third of a text.
        self._least_with_close = max(_LEAST_WITH_CLOSE, 3 * self._close_cost)
        # Where tokens join words, counts do not add up, and each text is counted whole.
        self._adds_up = counter is None or self._sums_hold(counter.count)
        self._fresh = Random(f"openings {self._name}")  # noqa: S311 -- no secret
        self._used: set[int] = set()

    def _sums_hold(self, count: Callable[[str], int]) -> bool:
        """Whether the sums are right for a long piece of the row and for some texts made of it."""
        piece, sum_ = self._row[: self._ends[_SPARE]], self._sums[_SPARE]
        if not self._fillers or round(sum_) != round(self._cost(piece)):
            return False
        rng = Random("trials")  # noqa: S311 -- no secret
        trials = (
            self._composed(rng.getrandbits(48), tokens, closes=tokens >= self._least_with_close)
            for tokens in range(1, 200, 9)
        )
        return all(count(text) == tokens for text, tokens in trials)

    def fresh(self, tokens: int) -> Passage:
        """A text that begins as no other does."""
        return self._passage(self._new_number(), tokens, closes=tokens >= self._least_with_close)

    def shared(self, key: object, tokens: int) -> Passage:
        """The text that goes by a key: always the same one, or its beginning where shorter."""
        number = Random(f"{self._name} {key}").getrandbits(48)  # noqa: S311 -- no secret
        return self._passage(number, tokens, closes=False)

    def joined(self, parts: Sequence[Passage]) -> Passage:
        """Texts of this source, one behind the other."""
        text = " ".join(part.text for part in parts)
        if self._counter is None:
            return Passage(text, None)
        if self._adds_up:
            return Passage(text, sum(part.tokens or 0 for part in parts))
        return Passage(text, self._counter.count(text))

    def _new_number(self) -> int:
        number = self._fresh.getrandbits(48)
        openings = len(self._openers) ** _OPENING
        while number % openings in self._used:
            number = self._fresh.getrandbits(48)
        self._used.add(number % openings)
        return number

    def _passage(self, number: int, tokens: int, *, closes: bool) -> Passage:
        text, count = self._composed(number, tokens, closes=closes)
        if self._counter is None:
            return Passage(text, None)
        if self._adds_up:
            return Passage(text, count)
        return self._counted(number, tokens, closes=closes, count=self._counter.count)

    def _counted(
        self, number: int, tokens: int, *, closes: bool, count: Callable[[str], int]
    ) -> Passage:
        """The nearest of several tries, each corrected by how far off the one before was."""
        best, wanted = Passage("", 0), tokens
        for _ in range(_ATTEMPTS):
            text, _sum = self._composed(number, max(1, wanted), closes=closes)
            found = Passage(text, count(text))
            if not best.text or abs(_off(found, tokens)) < abs(_off(best, tokens)):
                best = found
            if not _off(found, tokens):
                break
            wanted -= _off(found, tokens)
        return best

    def _composed(self, number: int, tokens: int, *, closes: bool) -> tuple[str, int]:
        """Opening, a slice of the row, words that fill up, and a close; with the sum of tokens."""
        opening = self._opening(number)
        spent = 0.0
        for place, word in enumerate(opening):
            spent += self._cost(" " + word)
            # At least one word; a text shorter than the opening ends within it.
            if spent > tokens and place:
                return " ".join(opening[:place]), round(spent - self._cost(" " + word))
        if closes:
            spent += self._close_cost
        start = number // len(self._openers) ** _OPENING % _SPARE
        slack = 0.0 if self._counter else self._cost("") / 2
        reach = self._sums[start] + max(0.0, tokens - spent + slack)
        end = max(start, bisect_right(self._sums, reach + 1e-9) - 1)
        spent += self._sums[end] - self._sums[start]
        missing = max(0, round(tokens - spent)) if self._fillers else 0
        text = " ".join(opening) + self._row[self._ends[start] : self._ends[end]]
        text += "".join(self._fillers[i % len(self._fillers)] for i in range(missing))
        return text + (CLOSE if closes else ""), round(spent) + missing

    def _opening(self, number: int) -> list[str]:
        words = []
        for _ in range(_OPENING):
            number, place = divmod(number, len(self._openers))
            words.append(self._openers[place])
        return words


def _off(passage: Passage, tokens: int) -> int:
    return (passage.tokens or 0) - tokens


def _costs(counter: TokenCounter | None, per_word: float) -> Callable[[str], float]:
    """What a piece adds to a text before it, in tokens."""
    if counter is None:
        return lambda _: per_word
    known: dict[str, int] = {}
    # Behind a word, not alone: some tokenizers treat the beginning of a text in a way of its own.
    before, count = WORDS[0], counter.count
    alone = count(before)

    def cost(piece: str) -> float:
        if piece not in known:
            known[piece] = count(before + piece) - alone
        return known[piece]

    return cost


def _row(
    seed: int, size: int, cost: Callable[[str], float]
) -> tuple[str, Sequence[int], Sequence[float]]:
    """Random words; where each begins; and the tokens before each."""
    words = Random(f"text {seed}").choices(WORDS, k=size)  # noqa: S311 -- no secret
    words[_SENTENCE - 1 :: _SENTENCE] = [f"{word}." for word in words[_SENTENCE - 1 :: _SENTENCE]]
    pieces = [" " + word for word in words]
    return (
        "".join(pieces),
        array("L", accumulate(map(len, pieces), initial=0)),
        array("d", accumulate(map(cost, pieces), initial=0.0)),
    )


def _openers_and_fillers(
    counter: TokenCounter | None, cost: Callable[[str], float]
) -> tuple[Sequence[str], Sequence[str]]:
    """Words to begin with, and pieces of one token each."""
    if counter is None:
        return WORDS, ()
    # A word that costs the same at the beginning as later keeps sums right.
    even = [word for word in WORDS if counter.count(word) == cost(" " + word)]
    ones = [f" {word}" for word in WORDS if cost(" " + word) == 1]
    return (even if len(even) >= _FEWEST_OPENERS else WORDS), ones
