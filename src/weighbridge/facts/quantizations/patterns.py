"""Lists of module names that a configuration leaves out of, or takes into, its quantization."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Final

# What wraps the text model in various checkpoints; our own module names go without it.
_WRAPPERS: Final = re.compile(
    r"^(?:(?:model|language_model|text_model|backbone|transformer|decoder|llm|thinker)\.)+"
)
_WRAPPED: Final = (
    "",
    "model.",
    "model.language_model.",
    "language_model.model.",
    "language_model.",
)
_GLOB: Final = re.compile(r"[*?\[]")
_LAYER: Final = re.compile(r"layers\.(\d+)(?!\d)")
# Regular expressions come from strangers: only pieces that cannot backtrack without bound.
_SIMPLE_REGEX: Final = re.compile(
    r"\^?(?:\\\.|\.[*+]?\??|\\d\+?|\[0-9\]\+?|[\w/-]|\((?:\?:)?(?:[\w.|]|\\\.)*\))*\$?"
)
_MOST_STARS: Final = 4
_LONGEST: Final = 400
_MOST: Final = 50_000


class Patterns:
    """Module names, globs and regular expressions (``re:…``) as a set of modules.

    A plain name matches the module, everything inside it, and a module that ends in it:
    ``mlp.gate`` matches ``layers.3.mlp.gate``. Prefixes such as ``model.`` are ignored.

    Attributes:
        not_understood: patterns that match nothing because they are beyond us.
    """

    def __init__(self, texts: Iterable[object]) -> None:
        self._plain: set[str] = set()
        self._globs: dict[str, list[re.Pattern[str]]] = {}
        self._regexes: list[re.Pattern[str]] = []
        self.not_understood: list[str] = []
        for number, text in enumerate(texts):
            if not isinstance(text, str) or len(text) > _LONGEST or number >= _MOST:
                self.not_understood.append(str(text)[:60])
            elif text.startswith("re:"):
                self._add_regex(text.removeprefix("re:"))
            else:
                self._add_name(_WRAPPERS.sub("", text.removesuffix(".weight")))

    def __bool__(self) -> bool:
        return bool(self._plain or self._globs or self._regexes)

    def match(self, name: str) -> bool:
        """Whether a module, named without wrappers, is in the set."""
        return (
            (bool(self._plain) and not self._plain.isdisjoint(_runs(name)))
            or any(glob.match(name) for glob in self._near(name))
            or any(regex.match(wrapper + name) for regex in self._regexes for wrapper in _WRAPPED)
        )

    def _add_name(self, name: str) -> None:
        if not _GLOB.search(name):
            self._plain.add(name)
            return
        layer = _LAYER.search(name)
        # `layers.1*` also means layer 10: only a number that a dot ends picks one layer.
        exact = layer is not None and name[layer.end() : layer.end() + 1] == "."
        key = layer[1] if layer is not None and exact else ""
        inner = fnmatch.translate(name.removeprefix("*."))
        head = r"(?:.*\.)?" if name.startswith("*.") else ""
        self._globs.setdefault(key, []).append(re.compile(f"{head}{inner}"))
        if name.endswith("*"):
            return
        below = fnmatch.translate(f"{name.removeprefix('*.')}.*")
        self._globs[key].append(re.compile(f"{head}{below}"))

    def _add_regex(self, text: str) -> None:
        simple = _SIMPLE_REGEX.fullmatch(text)
        if not simple or text.count("*") + text.count("+") > _MOST_STARS:
            self.not_understood.append(text[:60])
            return
        self._regexes.append(re.compile(text))

    def _near(self, name: str) -> Iterable[re.Pattern[str]]:
        yield from self._globs.get("", ())
        layer = _LAYER.search(name)
        if layer is not None:
            yield from self._globs.get(layer[1], ())


def _runs(name: str) -> list[str]:
    """Every sequence of whole words of a dotted name: where a plain name may stand in it."""
    words = name.split(".")
    return [
        ".".join(words[start:stop])
        for start in range(len(words))
        for stop in range(start + 1, len(words) + 1)
    ]
