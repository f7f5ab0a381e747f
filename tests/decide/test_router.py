from __future__ import annotations

import dataclasses

from weighbridge.core.provenance import Interval
from weighbridge.core.routing import Condition, ModelEntry, Route, Signals, TaskSignal
from weighbridge.core.verdict import Assignment, ModelEvidence, TaskVerdict, Verdict
from weighbridge.decide.router import router_config

ENTRIES = {name: ModelEntry(url=f"http://127.0.0.1:9/{name}") for name in "abc"}
SIGNALS = Signals(task={"x": TaskSignal(keywords=("plus",))})


def verdict(single: str, mix: dict[str, float], **by_task: str) -> Verdict:
    models = tuple(dict.fromkeys(by_task.values()))
    chosen = Assignment(models, tuple(by_task.items()), 0.9, 1)
    alone = Assignment((single,), tuple((task, single) for task in by_task), 0.8, 1)
    return Verdict((), tuple(mix.items()), (), None, alone, chosen, None)


def task(name: str, accuracy: dict[str, float]) -> TaskVerdict:
    standings = tuple(
        ModelEvidence(model, name, 100, Interval(value, value, value, 0.95), f"run of {model}")
        for model, value in accuracy.items()
    )
    return TaskVerdict(name, standings, None)


def test_each_task_goes_to_its_model_and_the_rest_to_the_best_single_one() -> None:
    found = verdict("b", {"x": 0.9, "y": 0.1}, x="a", y="b")
    config = router_config(found, SIGNALS, ENTRIES)
    assert config.routes == (
        Route(use=("a", "b"), when=Condition(task="x")),
        Route(use=("b",), when=Condition(task="y")),
        Route(use=("b",)),
    )
    assert config.models == {name: ENTRIES[name] for name in "ab"}
    assert config.signals is SIGNALS


def test_without_it_the_rest_goes_to_the_loaded_model_that_is_best_over_the_mix() -> None:
    # Both do half of the traffic, but b is useful on the other half too.
    found = verdict("c", {"x": 0.5, "y": 0.5}, x="a", y="b")
    standings = {"x": {"a": 1.0, "c": 0.9, "b": 0.6}, "y": {"b": 0.9, "c": 0.8, "a": 0.0}}
    found = dataclasses.replace(found, tasks=tuple(map(task, standings, standings.values())))
    config = router_config(found, SIGNALS, ENTRIES)
    assert config.routes[-1] == Route(use=("b",))
    assert config.routes[0].use == ("a", "b")
    assert "c" not in config.models


def test_overall_weighs_the_tasks_by_their_traffic() -> None:
    found = verdict("c", {"x": 0.9, "y": 0.1}, x="a", y="b")
    standings = {"x": {"a": 0.5, "b": 0.4}, "y": {"b": 1.0, "a": 0.8}}
    found = dataclasses.replace(found, tasks=tuple(map(task, standings, standings.values())))
    assert router_config(found, SIGNALS, ENTRIES).routes[-1] == Route(use=("a",))


def test_one_model_for_everything_needs_no_fallback() -> None:
    config = router_config(verdict("a", {"x": 1.0}, x="a"), SIGNALS, ENTRIES)
    assert [route.use for route in config.routes] == [("a",), ("a",)]
    assert list(config.models) == ["a"]
