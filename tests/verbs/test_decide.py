from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from weighbridge.core.errors import InputError
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import EvalRun, ItemResult
from weighbridge.core.study import VerdictRun
from weighbridge.core.units import MIB
from weighbridge.serve.config import parse_config
from weighbridge.serve.routing.policy import choose
from weighbridge.verbs.decide import check_replaceable, decide, to_json, write_router_config
from weighbridge.workspace.folder import Workspace

PROMPTS = {"sums": "add {n} plus {n}", "names": "extract name {n}"}
RIGHT = {
    ("adder", "sums"): 20, ("adder", "names"): 0, ("namer", "sums"): 1, ("namer", "names"): 19,
    ("both", "sums"): 12, ("both", "names"): 14,
}  # fmt: skip


@pytest.fixture
def store(workspace: Workspace) -> Workspace:
    for (model, task), right in RIGHT.items():
        items = tuple(
            ItemResult(
                id=str(n),
                prompt=PROMPTS[task].format(n=n),
                expected="x",
                answer="x",
                correct=n < right,
                score=float(n < right),
                detail="",
                latency_ms=1.0,
                output_tokens=1,
            )
            for n in range(20)
        )
        info = workspace.new_info("eval", model=model, subject=task, key="k")
        url = f"http://127.0.0.1:1/{model}/v1"
        workspace.save(info, EvalRun(info, url, task, f"hash of {task}", items, 40 * MIB))
    return workspace


def test_it_depends_and_the_router_file_executes_it(store: Workspace, tmp_path: Path) -> None:
    run = decide(store, budget_bytes=100 * MIB)
    figures = to_json(run)
    assert figures["assignment"]["by_task"] == {"sums": "adder", "names": "namer"}
    assert figures["single"]["models"] == ["both"]
    assert figures["tighter"]["models"] == ["both"]
    assert figures["sentence"].startswith("It depends: ")
    assert len(figures["evidence"]) == 6
    config = parse_config(run.router_config, tmp_path, origin="test")
    assert choose(config, "auto", "add 3 plus 4").use[0] == "adder"
    assert choose(config, "auto", "extract name 3").use[0] == "namer"
    assert config.models["adder"].url == "http://127.0.0.1:1/adder/v1"
    assert store.load(run.info.id, VerdictRun) == run


def test_a_tight_budget_leaves_one_model(store: Workspace) -> None:
    run = decide(store, budget_bytes=50 * MIB)
    assert run.verdict.chosen.models == ("both",)
    assert run.verdict.tighter is None
    assert run.verdict.sentence == "Run both for everything."


def test_the_mix_moves_the_single_model(store: Workspace) -> None:
    assert decide(store, mix={"sums": 9, "names": 1}).verdict.single.models == ("adder",)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"budget_bytes": 1}, "Nothing fits"),
        ({"mix": {"sums": 1}}, "disagree about the task 'names'"),
        ({"mix": {"sums": -1, "names": 2}}, "must be positive"),
        ({"mix": {"sums": 0, "names": 0}}, "must be positive"),
        ({"names": ["eval-nope"]}, "eval-nope"),
    ],
)
def test_what_cannot_be_decided_is_a_sentence(
    store: Workspace, more: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        decide(store, **more)  # type: ignore[arg-type]


def test_memory_told_by_the_user_wins(store: Workspace) -> None:
    told = dict.fromkeys(("adder", "namer", "both"), 200 * MIB)
    with pytest.raises(InputError, match="Nothing fits"):
        decide(store, budget_bytes=100 * MIB, memory_bytes=told)


def test_writing_is_all_or_nothing_and_spares_foreign_files(
    store: Workspace, tmp_path: Path
) -> None:
    run = decide(store)
    path = tmp_path / "router.config.yaml"
    check_replaceable(path)
    write_router_config(run, path)
    check_replaceable(path)  # its own file it replaces
    path.write_text("# by hand\n")
    with pytest.raises(InputError, match="--force"):
        check_replaceable(path)
    check_replaceable(path, force=True)
    write_router_config(run, path)
    assert path.read_text() == run.router_config
    assert [p.name for p in tmp_path.iterdir() if "draft" in p.name] == []


def again(store: Workspace, name: str, **changed: object) -> EvalRun:
    """The newest run of ``model@suite`` once more, changed."""
    run = store.load(store.find(name).id, EvalRun)
    info = store.new_info("eval", model=run.info.model, subject=run.suite, key="k2")
    twin = replace(run, info=info, **changed)  # type: ignore[arg-type]
    store.save(info, twin)
    return twin


def test_a_trial_on_the_first_items_gives_way_to_the_whole_suite(store: Workspace) -> None:
    whole = store.load(store.find("adder@sums").id, EvalRun)
    again(store, "adder@sums", suite_hash="hash of a trial", items=whole.items[:3])
    assert {task.standings[0].n for task in decide(store).verdict.tasks} == {20}


def test_a_suite_that_only_tells_precisions_apart_is_no_task(store: Workspace) -> None:
    again(store, "adder@sums", suite="precision", is_task=False)
    assert [task.task for task in decide(store).verdict.tasks] == ["names", "sums"]


def test_the_gateway_starts_what_was_started(store: Workspace, tmp_path: Path) -> None:
    (tmp_path / "adder.gguf").touch()
    entry = ModelEntry(engine="llamacpp-embedded", source=str(tmp_path / "adder.gguf"))
    again(store, "adder@sums", entry=entry)
    config = parse_config(decide(store).router_config, tmp_path, origin="test")
    assert config.models["adder"] == entry


def test_unknown_memory_stays_unknown_and_the_most_that_was_measured_counts(
    store: Workspace,
) -> None:
    for name in ("namer@sums", "namer@names"):
        again(store, name, memory_bytes=None)
    again(store, "adder@sums", memory_bytes=60 * MIB)
    verdict = decide(store).verdict
    assert {m.model: m.bytes for m in verdict.memory} == {
        "adder": 60 * MIB, "both": 40 * MIB, "namer": None,
    }  # fmt: skip
    assert verdict.chosen.memory_bytes is None
    assert verdict.single.memory_bytes == 40 * MIB
    assert verdict.tighter is None
    with pytest.raises(InputError, match="--memory namer=24GiB"):
        decide(store, budget_bytes=MIB)
    with pytest.raises(InputError, match="Did you mean 'namer'"):
        decide(store, memory_bytes={"namr": MIB})


def test_a_gateways_own_evaluation_is_refused(store: Workspace) -> None:
    run = store.load(store.find("adder@sums").id, EvalRun)
    info = store.new_info("eval", model="auto", subject="sums", key="k")
    store.save(info, replace(run, info=info))
    assert decide(store).verdict.tasks  # by itself it is left out
    with pytest.raises(InputError, match="a gateway, not a model"):
        decide(store, names=[info.id])


def test_a_budget_that_forces_a_worse_model_says_so(store: Workspace) -> None:
    verdict = decide(store, budget_bytes=50 * MIB).verdict
    misfit = "but does not fit the memory together with the rest."
    assert verdict.caveats == (
        f"On names, namer is 25.0 points better than both, {misfit}",
        f"On sums, adder is 40.0 points better than both, {misfit}",
    )
