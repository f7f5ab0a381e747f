"""By which words a task can be told from the others, read off its own prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set

from weighbridge.core.message_words import words
from weighbridge.core.routing import Signals, TaskSignal

# A keyword stands in at least this share of its task's prompts: rarer words are mostly names …
_COMMON = 0.03
# … unless prompts would go unrecognised without it: "multiply" may be rare and still the only sign.
_RARE = 0.01
_FEWEST_PROMPTS = 2
# … and is this many times rarer in every other task's.
_TELLING = 10
_MOST_KEYWORDS = 16
# Words of English grammar stand in any request: "what" would send "What time is it?" to whichever
# task happens to ask with it.
_GRAMMAR_WORDS = """
    a about an and any are as at be been but by can could did do does for from had has have he her
    here him his how i if in into is it its just let many may me more most much must my no not of
    on one or our out over please shall she should so some such than that the their them then there
    these they this those to too under until up us very was we were what when where which while who
    whom whose why will with would you your
"""
_GRAMMAR = frozenset(_GRAMMAR_WORDS.split())


def learn_signals(prompts: Mapping[str, Sequence[str]]) -> Signals:
    """Keywords per task: the words that many of its prompts have and those of others hardly ever.

    A task that nothing tells apart gets no keywords, and so is never recognised; a task that is
    alone gets none either, for nothing shows which words are its own. Keywords know only the
    wordings that they were learned on.
    """
    bags = {task: [words(text) - _GRAMMAR for text in texts] for task, texts in prompts.items()}
    shares = {task: _shares(of_task) for task, of_task in bags.items()}
    return Signals(
        task={task: TaskSignal(keywords=_keywords(task, bags[task], shares)) for task in prompts}
    )


def unrecognisable(signals: Signals) -> tuple[str, ...]:
    """The tasks that no keyword tells from the others, so that ``auto`` never goes by them."""
    if len(signals.task) < 2:
        return ()
    return tuple(task for task, signal in signals.task.items() if not signal.keywords)


def _shares(bags: Sequence[frozenset[str]]) -> dict[str, float]:
    """The share of a task's prompts that have each word."""
    counts = Counter(word for bag in bags for word in bag)
    return {word: count / len(bags) for word, count in counts.items()}


def _keywords(
    task: str, bags: Sequence[frozenset[str]], shares: Mapping[str, Mapping[str, float]]
) -> tuple[str, ...]:
    """The telling words, those first whose share exceeds that in the other tasks most."""
    others = [table for name, table in shares.items() if name != task]
    leads: dict[str, float] = {}
    for word, share in shares[task].items() if others else ():
        elsewhere = max(table.get(word, 0.0) for table in others)
        if share >= _TELLING * elsewhere:
            leads[word] = share - elsewhere
    common = _frequent(bags, leads.keys(), _COMMON * len(bags))
    missed = [bag for bag in bags if not bag & common]
    kept = common | _frequent(missed, leads.keys(), _RARE * len(bags))
    return tuple(sorted(kept, key=lambda word: (-leads[word], word))[:_MOST_KEYWORDS])


def _frequent(bags: Sequence[frozenset[str]], among: Set[str], fewest: float) -> set[str]:
    """Those words that at least ``fewest`` of the prompts have, and never less than two."""
    counts = Counter(word for bag in bags for word in bag & among)
    return {word for word, count in counts.items() if count >= max(fewest, _FEWEST_PROMPTS)}
