from __future__ import annotations

from weighbridge.core.routing import Condition, ModelEntry, Route, Signals, TaskSignal
from weighbridge.core.verdict import Assignment, Verdict
from weighbridge.decide.router import router_config

ENTRIES = {name: ModelEntry(url=f"http://127.0.0.1:9/{name}") for name in "abc"}
SIGNALS = Signals(task={"x": TaskSignal(keywords=("plus",))})


def verdict(single: str, mix: dict[str, float], **by_task: str) -> Verdict:
    models = tuple(dict.fromkeys(by_task.values()))
    chosen = Assignment(models, tuple(by_task.items()), 0.9, 1)
    alone = Assignment((single,), tuple((task, single) for task in by_task), 0.8, 1)
    return Verdict((), tuple(mix.items()), (), None, alone, chosen, None)


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


def test_without_it_the_rest_goes_to_the_model_with_the_most_traffic_of_all_its_tasks() -> None:
    found = verdict("c", {"x": 0.4, "y": 0.3, "z": 0.3}, x="a", y="b", z="b")
    config = router_config(found, SIGNALS, ENTRIES)
    assert config.routes[-1] == Route(use=("b",))
    assert config.routes[0].use == ("a", "b")
    assert "c" not in config.models


def test_one_model_for_everything_needs_no_fallback() -> None:
    config = router_config(verdict("a", {"x": 1.0}, x="a"), SIGNALS, ENTRIES)
    assert [route.use for route in config.routes] == [("a",), ("a",)]
    assert list(config.models) == ["a"]
