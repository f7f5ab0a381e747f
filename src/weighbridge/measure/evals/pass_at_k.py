"""pass@k: how likely at least one of k answers to a task is right."""

from __future__ import annotations

from collections.abc import Iterable
from math import comb


def pass_at_k(answers: int, right: int, k: int) -> float:
    """The unbiased estimate from ``answers`` drawn, of which ``right`` are right.

    The share of all ways to choose k of them that have a right one among them.
    """
    if not 0 <= right <= answers or not 1 <= k <= answers:
        raise ValueError(f"pass@{k} cannot be told from {right} of {answers}")
    return 1 - comb(answers - right, k) / comb(answers, k)


def mean_pass_at_k(counts: Iterable[tuple[int, int]], k: int) -> float | None:
    """Over tasks, each with its number of answers and of right ones.

    None where there is no task, or one has fewer than k answers: its estimate would be biased.
    """
    tasks = list(counts)
    if not tasks or any(answers < k for answers, _ in tasks):
        return None
    return sum(pass_at_k(answers, right, k) for answers, right in tasks) / len(tasks)
