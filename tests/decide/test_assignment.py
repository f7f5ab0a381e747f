from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.units import GIB
from weighbridge.core.verdict import Assignment
from weighbridge.decide.assignment import best_assignment


@dataclass(frozen=True)
class Instance:
    accuracy: dict[str, dict[str, float]]
    mix: dict[str, float]
    memory: dict[str, int]
    budget: int | None
    max_models: int | None

    def solve(self) -> Assignment | None:
        return best_assignment(self.accuracy, self.mix, self.memory, self.budget, self.max_models)

    def brute_force(self) -> tuple[float, int] | None:
        """Best accuracy, and the least memory that reaches it, over all sets of models."""
        found: list[tuple[float, int]] = []
        limit = len(self.memory) if self.max_models is None else self.max_models
        for size in range(1, limit + 1):
            for models in combinations(self.memory, size):
                memory = sum(self.memory[model] for model in models)
                if self.budget is not None and memory > self.budget:
                    continue
                best = 0.0
                for task, table in self.accuracy.items():
                    able = [table[model] for model in models if model in table]
                    if not able:
                        break
                    best += self.mix[task] * max(able)
                else:
                    found.append((-round(best, 9), memory))
        return min(found) if found else None


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    models = [f"m{i}" for i in range(draw(st.integers(1, 5)))]
    tasks = [f"t{i}" for i in range(draw(st.integers(1, 4)))]
    rates = st.integers(0, 20).map(lambda k: k / 20)
    accuracy = {
        task: {model: draw(rates) for model in models if draw(st.integers(0, 5))} for task in tasks
    }
    weights = {task: draw(st.integers(1, 5)) for task in tasks}
    total = sum(weights.values())
    unit = draw(st.sampled_from([1, 1000, GIB]))
    memory = {model: draw(st.integers(1, 20)) * unit for model in models}
    # On the edge to the byte: what fits exactly fits, what is one byte too large does not.
    some = draw(st.sets(st.sampled_from(models)))
    edge = sum(memory[model] for model in some) - draw(st.integers(0, 1))
    return Instance(
        accuracy,
        {task: weight / total for task, weight in weights.items()},
        memory,
        draw(st.none() | st.just(edge)),
        draw(st.none() | st.integers(1, len(models))),
    )


@settings(deadline=None, max_examples=200)
@given(instances())
def test_it_is_the_best_and_among_equals_the_smallest(instance: Instance) -> None:
    found, best = instance.solve(), instance.brute_force()
    if best is None:
        assert found is None
        return
    assert found is not None
    assert (-round(found.accuracy, 9), found.memory_bytes) == best


@settings(deadline=None, max_examples=100)
@given(instances())
def test_it_keeps_its_promises(instance: Instance) -> None:
    found = instance.solve()
    if found is None:
        return
    assert [task for task, _ in found.by_task] == list(instance.accuracy)
    assert set(found.models) == {model for _, model in found.by_task}
    assert found.memory_bytes == sum(instance.memory[model] for model in found.models)
    assert instance.budget is None or found.memory_bytes <= instance.budget
    assert instance.max_models is None or len(found.models) <= instance.max_models
    assert all(model in instance.accuracy[task] for task, model in found.by_task)
    expected = sum(instance.mix[t] * instance.accuracy[t][m] for t, m in found.by_task)
    assert found.accuracy == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(instances(), st.integers(0, 10 * GIB))
def test_more_memory_is_never_worse(instance: Instance, more: int) -> None:
    budget = instance.budget or 0
    args = instance.accuracy, instance.mix, instance.memory
    small, large = best_assignment(*args, budget), best_assignment(*args, budget + more)
    if small is not None:
        assert large is not None
        assert large.accuracy >= small.accuracy - 1e-9


def test_a_specialist_is_worth_its_memory_only_if_it_fits() -> None:
    accuracy = {"sums": {"tally": 0.9, "porter": 0.7}, "words": {"clerk": 0.9, "porter": 0.8}}
    mix = {"sums": 0.5, "words": 0.5}
    memory = {"tally": 10 * GIB, "clerk": 12 * GIB, "porter": 20 * GIB}
    wide = best_assignment(accuracy, mix, memory, 22 * GIB)
    assert wide == Assignment(
        ("tally", "clerk"), (("sums", "tally"), ("words", "clerk")), 0.9, 22 * GIB
    )
    tight = best_assignment(accuracy, mix, memory, 22 * GIB - 1)
    assert tight is not None
    assert (tight.models, tight.memory_bytes) == (("porter",), 20 * GIB)
    assert best_assignment(accuracy, mix, memory, 20 * GIB - 1) is None


@pytest.mark.parametrize("budget", [GIB - 1, 0, -1])
def test_one_byte_too_large_is_too_large(budget: int) -> None:
    assert best_assignment({"t": {"a": 1.0}}, {"t": 1.0}, {"a": GIB}, budget) is None
    assert best_assignment({"t": {"a": 1.0}}, {"t": 1.0}, {"a": GIB}, GIB) is not None


def test_models_of_unknown_size_fit_a_budget_of_nothing_but_not_of_less() -> None:
    args = {"t": {"a": 1.0}}, {"t": 1.0}, {"a": 0}
    assert best_assignment(*args, 0) is not None
    assert best_assignment(*args, -1) is None


def test_no_models_no_assignment() -> None:
    assert best_assignment({"t": {}}, {"t": 1.0}, {}) is None
    assert best_assignment({"t": {}}, {"t": 1.0}, {"a": 1}) is None


@pytest.mark.parametrize("order", [("small", "large"), ("large", "small")])
def test_equals_are_told_apart_by_a_sliver_of_memory(order: tuple[str, str]) -> None:
    sizes = {"small": 24 * GIB - 2**20, "large": 24 * GIB}
    found = best_assignment(
        {"t": dict.fromkeys(order, 0.9)}, {"t": 1.0}, {model: sizes[model] for model in order}
    )
    assert found is not None
    assert found.models == ("small",)


def test_one_item_in_ten_thousand_counts_for_more_than_all_memory() -> None:
    found = best_assignment(
        {"t": {"small": 0.9, "large": 0.9001}}, {"t": 1.0}, {"small": 1, "large": 100 * GIB}
    )
    assert found is not None
    assert found.models == ("large",)
