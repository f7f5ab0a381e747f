from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.message_words import words
from weighbridge.core.routing import Signals, TaskSignal
from weighbridge.serve.routing.tasks import Tasks

LETTERS = st.sampled_from("ab zZ19+-*=.,\n\x1c'é×")
KEYWORDS = ("a", "b", "ab", "z", "zz", "ba", "+", "-", "×", "é", "a b", "9")
MANY = tuple(f"{a}{b}" for a in "abcdefg" for b in "hijklmn")


@given(st.text(LETTERS, max_size=20), st.lists(st.sets(st.sampled_from(KEYWORDS)), max_size=3))
def test_keywords_are_found_as_words_however_they_are_looked_for(
    message: str, keywords: list[set[str]]
) -> None:
    found = words(message)
    hits = [len(found & own) for own in keywords]
    first = max(hits, default=0)
    expected = hits.index(first) if first and hits.count(first) == 1 else None
    for more in ((), MANY):
        tasks = {str(n): TaskSignal(keywords=(*own, *more)) for n, own in enumerate(keywords)}
        task = Tasks(Signals(task=tasks)).recognise(message)
        assert task == (None if expected is None else str(expected))
