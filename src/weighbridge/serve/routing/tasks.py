"""Which task a message is about: the one whose keywords it has most of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from weighbridge.core.message_words import spaced, words
from weighbridge.core.routing import Signals

# Keywords are looked for one by one, up to so many: then it is cheaper to take the text apart.
_FEW: Final = 24
_PLAIN: Final = re.compile("[a-z]+")


class Tasks:
    """The keywords of a configuration, sorted by how they are looked for."""

    def __init__(self, signals: Signals) -> None:
        self._keywords = [(task, frozenset(one.keywords)) for task, one in signals.task.items()]
        every = frozenset(word for _, own in self._keywords for word in own)
        self._few = [(word, f" {word} ") for word in sorted(every) if _PLAIN.fullmatch(word)]

    def recognise(self, message: str) -> str | None:
        """The task; None when no keyword is there, or those of two tasks alike."""
        found: Iterable[str]
        text = spaced(message)
        if text is None:
            found = words(message)
        elif len(self._few) > _FEW:
            found = frozenset(text.split())
        else:  # few get past the first look, which is the faster one
            found = [word for word, alone in self._few if word in text and alone in text]
        best, most = None, 0
        if not found:
            return None
        for task, keywords in self._keywords:
            hits = len(keywords.intersection(found))
            if hits > most:
                best, most = task, hits
            elif hits == most:
                best = None
        return best


def classify(message: str, signals: Signals) -> str | None:
    """The task whose keywords the message has most of; None when none or two alike."""
    return Tasks(signals).recognise(message)
