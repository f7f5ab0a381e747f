from __future__ import annotations

import dataclasses
from pathlib import Path

import yaml

from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.routing import Condition, ModelEntry, Route, Signals, TaskSignal
from weighbridge.core.tradeoffs import Served
from weighbridge.core.verdict import (
    Assignment,
    Comparison,
    ModelEvidence,
    OverallStanding,
    TaskVerdict,
    Verdict,
)
from weighbridge.decide.router import (
    missing_replicas,
    model_comments,
    route_comments,
    router_config,
)
from weighbridge.serve.config import parse_config, write_config

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
    standings = {"x": {"a": 0.9, "b": 0.8}, "y": {"b": 0.9}}
    found = dataclasses.replace(found, tasks=tuple(map(task, standings, standings.values())))
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


def test_each_route_says_what_it_rests_on_and_the_file_stays_what_it_was(tmp_path: Path) -> None:
    found = verdict("b", {"x": 0.5, "y": 0.5}, x="a", y="b")
    lead = Comparison("b", "a", "x", 100, Interval(0.3, 0.2, 0.4), 1e-6, 35, 5, 1e-5, 0)
    load = Provenance("measured", "load-7", "2026-01-06T10:00:00Z")
    fast = Served("p95", None, None, None, "8 users", None, None, "users", None, load)
    x, y = task("x", {"a": 0.9, "b": 0.6}), task("y", {"b": 0.8})
    first = dataclasses.replace(x.standings[0], accuracy=Interval(0.9, 0.83, 0.94), served=fast)
    x = dataclasses.replace(x, standings=(first, *x.standings[1:]), lead=lead)
    overall = OverallStanding("b", Interval(0.7, 0.6, 0.8), 0.9)
    found = dataclasses.replace(found, tasks=(x, y), overall=(overall,))
    words = {name: TaskSignal(keywords=(name,)) for name in "xy"}
    config = router_config(found, Signals(task=words), ENTRIES)
    comments = route_comments(found, {"run of a": "2026-01-05T12:00:00Z"})
    text = write_config(config, "By hand?\nNo.", comments)
    head, _, routes = text.partition("routes:\n")
    assert head.startswith("# By hand?\n# No.\n")
    right, traffic = "a is right in 90.0 %", "right in 70.0 % of the whole traffic"
    assert routes.splitlines() == [
        f"# x: {right} (95 % interval 83.0 to 94.0, n = 100), measured: run of a, 2026-01-05",
        "# a is better than b on x (+30.0 points, 95 % interval +20.0 to +40.0, n = 100).",
        "# latency: measured, load-7, 2026-01-06",
        "- use: [a, b]",
        "  when: {task: x}",
        "# y: b is right in 80.0 % (95 % interval 80.0 to 80.0, n = 100), measured: run of b",
        "- use: [b]",
        "  when: {task: y}",
        f"# Whatever is not recognised: b, {traffic} (95 % interval 60.0 to 80.0).",
        "- use: [b]",
    ]  # fmt: skip
    assert parse_config(text, tmp_path, origin="test") == config
    assert yaml.safe_load(text) == yaml.safe_load(write_config(config, ""))


def test_what_a_comment_says_cannot_become_part_of_the_file(tmp_path: Path) -> None:
    config = router_config(verdict("a", {"x": 1.0}, x="a"), SIGNALS, ENTRIES)
    evil = "one\nroutes: []\r\x07\u2028admin: 0.0.0.0:1\x85x"
    text = write_config(config, evil, (evil, evil))
    assert parse_config(text, tmp_path, origin="test") == config


def test_the_gateway_does_not_listen_where_a_model_answers() -> None:
    found = verdict("b", {"x": 0.9, "y": 0.1}, x="a", y="b")
    assert router_config(found, SIGNALS, ENTRIES).listen == "127.0.0.1:8080"
    here = {
        "a": ModelEntry(url="http://localhost:8080/v1"),
        "b": ModelEntry(url="http://[::1]:8081"),
    }
    assert router_config(found, SIGNALS, here).listen == "127.0.0.1:8082"


def test_nobody_stands_in_who_is_ruled_out_useless_or_known_to_be_worse_than_the_next() -> None:
    found = verdict("b", {"x": 0.5, "y": 0.5}, x="a", y="b")

    def uses(x: dict[str, float], y: dict[str, float]) -> list[tuple[str, ...]]:
        tasks = (task("x", x), task("y", y))
        config = router_config(dataclasses.replace(found, tasks=tasks), SIGNALS, ENTRIES)
        return [route.use for route in config.routes[:2]]

    # Right in none, and in less than half as many; ruled out, so that it has no standing.
    assert uses({"a": 0.9, "b": 0.0}, {"b": 0.9, "a": 0.4}) == [("a",), ("b",)]
    assert uses({"a": 0.9}, {"b": 0.9, "a": 0.5}) == [("a",), ("b", "a")]
    assert uses({"a": 0.0, "b": 0.0}, {"b": 0.9, "c": 0.85, "a": 0.6}) == [("a",), ("b",)]


def test_a_model_that_needs_more_replicas_says_where_they_are_named(tmp_path: Path) -> None:
    found = verdict("a", {"x": 0.5, "y": 0.5}, x="a", y="b")
    chosen = dataclasses.replace(found.chosen, replicas=(("a", 3), ("b", 2)))
    found = dataclasses.replace(found, chosen=chosen)
    two = ("http://127.0.0.1:9/b", "http://127.0.0.1:10/b")
    entries = ENTRIES | {"b": ModelEntry(url=two)}
    signals = Signals(task={name: TaskSignal(keywords=(name,)) for name in "xy"})
    config = router_config(found, signals, entries)
    assert missing_replicas(found, config.models) == {"a": (3, 1)}
    comments = model_comments(found, config.models)
    text = write_config(config, "Above.", (), comments)
    lines = text.splitlines()
    said = "a: the decision takes 3 replicas, each on a machine of its own; this entry reaches 1."
    at = lines.index(f"  # {said}")
    assert lines[at - 1] == "models:"
    assert lines[at + 2] == (
        "  # url: [http://127.0.0.1:9/a, http://MACHINE-2:PORT/v1, http://MACHINE-3:PORT/v1]"
    )
    assert lines[at + 3].startswith("  a:")
    assert not any(line.startswith("  # b") for line in lines)
    assert parse_config(text, tmp_path, origin="test") == config
    # An engine that the gateway starts is one replica; on devices each has its own.
    engine = {"a": ModelEntry(engine="vllm", source="m")}
    placed = dataclasses.replace(chosen, devices=(("a", (0,)), ("a", (1,)), ("a", (2,))))
    said = model_comments(dataclasses.replace(found, chosen=placed), engine)["a"]
    assert "each on devices of its own (0; 1; 2)" in said
    assert "name them all, instead of the engine that is started here:" in said
    assert "url: [http://MACHINE-1:PORT/v1, http://MACHINE-2:PORT/v1" in said


def test_each_of_several_machines_that_models_share_needs_its_own_copy() -> None:
    found = verdict("a", {"x": 0.5, "y": 0.5}, x="a", y="b")
    # What the load takes of each is one; the work of both takes two machines.
    chosen = dataclasses.replace(
        found.chosen, replicas=(("a", 1), ("b", 1)), fleets=((("a", "b"), 2),)
    )
    found = dataclasses.replace(found, chosen=chosen)
    assert missing_replicas(found, ENTRIES) == {"a": (2, 1), "b": (2, 1)}
    assert model_comments(found, ENTRIES)["b"] == (
        "b: the decision takes 2 replicas, each on a machine that it shares with a; this entry "
        "reaches 1.\n"
        "Once the others serve, name them all:\n"
        "url: [http://127.0.0.1:9/b, http://MACHINE-2:PORT/v1]"
    )
    one = dataclasses.replace(chosen, fleets=((("a", "b"), 1),))
    assert missing_replicas(dataclasses.replace(found, chosen=one), ENTRIES) == {}
