"""How people and drivers spell devices: what two spellings of one device have in common."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# Words that tell no two devices apart.
_NOISE = {
    "nvidia", "geforce", "tesla", "amd", "radeon", "instinct", "intel", "apple", "arc", "gpu",
    "graphics", "generation", "edition", "corporation", "the", "chip", "processor", "card", "tm",
    "r",
}  # fmt: skip
# Words of a device's name that people leave out; a slip between two that differ only in these is
# an ambiguity, never a choice of ours.
OMITTED = {
    "rtx", "gtx", "rx", "sxm", "pcie", "nvl", "jetson", "agx", "blackwell", "ryzen", "epyc", "xeon",
    "platinum", "core", "threadripper",
}  # fmt: skip
# "80GB", and "80G" unless letters make it a name: an A10G has 24.
_MEMORY = re.compile(
    r"(?:(?<![\d.])(?P<gb>\d{1,4}(?:\.\d{1,3})?)[ _-]*gi?b"
    r"|(?<![\d.a-z])(?P<g>\d{1,4}(?:\.\d{1,3})?)[ _-]*g)(?![a-z0-9])"
)
_CORES = re.compile(r"(\d{1,3})[\W_]*(?:cores?|c)(?![a-z0-9])")
_FORM = (
    (re.compile(r"\bpci-?e(?:\d)?\b"), " pcie "),
    (re.compile(r"sxm\d?(?![a-z0-9])"), " sxm "),
    (re.compile(r"\bhbm\d?[a-z]?\b"), " "),
    (re.compile(r"\((?:r|tm)\)"), " "),
    # What processors add of the graphics and the memory beside them.
    (re.compile(r"(?:w/|\()\s*(?:amd )?radeon [^,)]*"), " "),
    (re.compile(r"\blpddr\w*(?:-\d+)?"), " "),
)
_VENDORS = ("nvidia", "amd", "intel", "apple")
_WORD = re.compile(r"\d+core|[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name taken apart.

    Attributes:
        joined: its letters and digits, nothing else.
        words: what it calls the device, runs of letters and of digits apart.
        gb: the memory that it states, or None.
    """

    joined: str
    words: frozenset[str]
    gb: float | None

    def omits(self, full: Spelling) -> int | None:
        """How many words of ``full`` this spelling leaves out, or None if it means another.

        >>> spell("4090").omits(spell("RTX 4090"))
        1
        >>> spell("4070").omits(spell("RTX 4070 Ti")) is None
        True
        """
        missing = full.words - self.words
        allowed = all(word in OMITTED or word.endswith("core") for word in missing)
        return len(missing) if self.words and self.words <= full.words and allowed else None


def spell(text: str) -> Spelling:
    """Take a name apart.

    >>> spell("A100-SXM4-80GB").gb
    80.0
    >>> sorted(spell("NVIDIA A100-SXM4-80GB").words)
    ['100', 'a', 'sxm']
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    memory = _MEMORY.search(plain)
    rest = plain if memory is None else plain[: memory.start()] + " " + plain[memory.end() :]
    rest = _CORES.sub(r" \1core ", rest)
    for pattern, replacement in _FORM:
        rest = pattern.sub(replacement, rest)
    words = frozenset(word for word in _WORD.findall(rest) if word not in _NOISE)
    return Spelling(key(plain), words, _stated(memory))


def _stated(memory: re.Match[str] | None) -> float | None:
    return float(memory["gb"] or memory["g"]) if memory else None


def key(text: str) -> str:
    """Letters and digits alone, without the maker: names that share them are the same name.

    >>> key("NVIDIA RTX-4090") == key("rtx4090")
    True
    """
    joined = "".join(re.findall(r"[a-z0-9]+", unicodedata.normalize("NFKC", text).lower()))
    for vendor in _VENDORS:
        joined = joined.removeprefix(vendor)
    return joined
