from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from weighbridge.core.constraints import Constraints, ExpectedLoad, Intents, NothingLeftError
from weighbridge.core.cost import (
    Capacity,
    CostedOption,
    CostLine,
    CostQuestion,
    CostReport,
    CostRun,
    Demand,
    Rented,
    SelfHosted,
    Serving,
    certain,
)
from weighbridge.core.cost_comparison import BreakEven
from weighbridge.core.cost_comparison import Comparison as CostComparison
from weighbridge.core.cost_comparison import Flip as CostFlip
from weighbridge.core.errors import InputError
from weighbridge.core.inspection import Inspection
from weighbridge.core.load import Distribution, LoadLevel, LoadRun
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import EvalRun, ItemResult
from weighbridge.core.study import ModelSheet, VerdictRun
from weighbridge.core.traffic import LoadShape
from weighbridge.core.units import MIB
from weighbridge.core.workload import parse_slo
from weighbridge.decide.advice import STUDY
from weighbridge.facts.catalog.catalogue import load as catalogue
from weighbridge.facts.devices import read_machine
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.serve.config import parse_config
from weighbridge.serve.routing.policy import choose
from weighbridge.verbs.decide import check_replaceable, decide, to_json, write_router_config
from weighbridge.verbs.decide_evidence import Told
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
    assert figures["sentence"].startswith("It depends on the task: ")
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
    single = decide(store, mix={"sums": 9, "names": 1}).verdict.single
    assert single is not None
    assert single.models == ("adder",)


@pytest.mark.parametrize(
    ("more", "said"),
    [
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
    with pytest.raises(NothingLeftError, match=r"200.00 MiB .assumed., more than the budget") as no:
        decide(store, budget_bytes=100 * MIB, memory_bytes=told)
    assert {(one.model, one.constraint) for one in no.value.removed} == {
        ("adder", "memory"), ("namer", "memory"), ("both", "memory"),
    }  # fmt: skip


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
    assert verdict.single is not None
    assert verdict.single.memory_bytes == 40 * MIB
    assert verdict.tighter is None
    with pytest.raises(InputError, match="--memory namer=24GiB"):
        decide(store, budget_bytes=MIB)
    with pytest.raises(InputError, match=r"under `candidates.namer`: memory: 24 GiB"):
        decide(store, budget_bytes=MIB, told=Told(advice=STUDY))
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


def sheet(store: Workspace, model: str, licence: str | None) -> None:
    """An inspection of the model, which states this licence."""
    architecture = catalogue().find("Qwen/Qwen3-0.6B").architecture()
    source = Provenance("catalogue", model, "2026-01-05")
    seen = Inspection(
        model, architecture, what_if("bf16", architecture), None, source, license=licence
    )
    info = store.new_info("inspect", model=model, subject=model, key="k")
    store.save(info, ModelSheet(info, model, seen))


def test_licences_are_those_of_what_was_inspected_or_of_the_catalogue(store: Workspace) -> None:
    sheet(store, "adder", "mit")
    sheet(store, "namer", "cc-by-nc-4.0")
    sheet(store, "both", None)
    asked = Constraints(intents=Intents(("commercial",)))
    with pytest.raises(NothingLeftError) as nothing:
        decide(store, names=["both@sums", "namer@sums", "namer@names"], constraints=asked)
    removed = {one.model: one for one in nothing.value.removed if one.constraint == "licence"}
    assert set(removed) == {"namer", "both"}
    assert "Blocked until read" in removed["both"].reason
    told = decide(store, constraints=asked, told=Told(licenses={"namer": "apache-2.0"}))
    assert dict(told.verdict.chosen.by_task) == {"sums": "adder", "names": "namer"}
    read = decide(store, constraints=Constraints(intents=asked.intents, license_read=("both",)))
    assert read.verdict.chosen.by_task == (("names", "both"), ("sums", "adder"))


def test_data_that_stays_keeps_what_answers_here_and_what_the_user_says_is_theirs(
    store: Workspace,
) -> None:
    for task in PROMPTS:
        again(store, f"adder@{task}", url="https://api.example.com/v1", memory_bytes=None)
    # What a machine of others serves takes no memory of ours, though nobody knows how much.
    free = decide(store, budget_bytes=50 * MIB).verdict
    assert free.chosen.models == ("adder", "namer")
    stays = Constraints(data_may_leave=False)
    verdict = decide(store, constraints=stays).verdict
    assert [(one.model, one.constraint) for one in verdict.removed] == [("adder", "data")]
    assert verdict.chosen.models == ("both", "namer")
    own = Constraints(data_may_leave=False, places=(("adder", "here"),))
    assert decide(store, constraints=own).verdict.removed == ()


def load_run(store: Workspace, model: str, subject: str, ms: float) -> str:
    sample = Distribution(50, ms, ms, ms, ms, ms)
    level = LoadLevel(
        LoadShape("closed", 4),
        50,
        0,
        (),
        "",
        1.0,
        8.0,
        1,
        1.0,
        "usage",
        sample,
        None,
        sample,
        sample,
    )
    info = store.new_info("load", model=model, subject=subject, key="k")
    store.save(info, LoadRun(info, "http://127.0.0.1:1/v1", 8, (level,), ()))
    return info.id


def test_latency_is_that_of_the_task_where_one_was_measured(store: Workspace) -> None:
    general = {model: load_run(store, model, "chat", 40) for model in ("adder", "namer", "both")}
    slow = load_run(store, "namer", "names, 4 users", 900)
    asked = Constraints(slo=parse_slo("e2e<500ms"))
    run = decide(store, constraints=asked)
    assert [(one.model, one.task) for one in run.verdict.removed] == [("namer", "names")]
    assert slow in run.verdict.removed[0].reason
    served = {
        (task["task"], one["model"]): one["served"]["provenance"]["source"]
        for task in to_json(run)["tasks"]
        for one in task["standings"]
    }
    assert served == {
        ("names", "adder"): general["adder"], ("names", "both"): general["both"],
        ("sums", "adder"): general["adder"], ("sums", "both"): general["both"],
        ("sums", "namer"): general["namer"],
    }  # fmt: skip


def test_what_was_not_measured_is_predicted_where_the_device_is_named(store: Workspace) -> None:
    for model in ("adder", "namer", "both"):
        sheet(store, model, "mit")
        for task in PROMPTS:
            run = store.load(store.find(f"{model}@{task}").id, EvalRun)
            items = tuple(replace(item, prompt_tokens=200, output_tokens=50) for item in run.items)
            again(store, f"{model}@{task}", items=items, memory_bytes=None)
    asked = Constraints(device_bytes=(80 * 2**30,), slo=parse_slo("tpot<1s"))
    verdict = decide(store, constraints=asked, told=Told(read_machine("H100 SXM"))).verdict
    assert {entry.provenance.kind for entry in verdict.memory} == {"predicted"}
    kinds = {
        one.served.provenance.kind for task in verdict.tasks for one in task.standings if one.served
    }
    assert kinds == {"predicted"}
    assert any("is predicted, not measured" in note for note in verdict.notes)


def cost_run(
    store: Workspace, model: str, month: float, *, device: str = "L40S", gpus: int = 1
) -> str:
    demand = Demand(certain(1e6), certain(500.0), certain(500.0))
    serving = Serving(2, 2, 0.5, 0.6, None, None, None, 0.99, 1e7, True, "minimum")
    own = SelfHosted(
        f"{model} on L40S",
        model,
        device,
        Capacity(certain(500.0)),
        Rented(certain(1.0)),
        gpus_per_replica=gpus,
    )
    usd = Interval(month, 0.9 * month, 1.1 * month, 0.8)
    each = Interval(month / 300, 0.9 * month / 300, 1.1 * month / 300, 0.8)
    option = CostedOption(own.name, "rented", (), usd, each, 0.0, serving=serving)
    flip = CostFlip(
        "self.hardware.usd_per_gpu_hour", "USD per GPU hour", 2.5, 1.0, "Above 2.50 USD."
    )
    none = BreakEven(None, (), False, 1e7, 2, 1e6)
    against = CostComparison(own.name, "an API", False, usd, 1.0, 0.9, 1.0, none, (), (flip,), "")
    report = CostReport(CostQuestion(demand, (own,), ()), (option,), (against,), (), 1, 100, "")
    info = store.new_info("cost", model=model, subject="cost", key="k")
    store.save(info, CostRun(info, report))
    return info.id


def test_costs_are_taken_from_cost_runs_and_their_flips_with_them(store: Workspace) -> None:
    ids = {model: cost_run(store, model, usd) for model, usd in (("adder", 900.0), ("both", 600.0))}
    run = decide(store, constraints=Constraints(usd_per_month=1000.0))
    assert [(one.model, one.constraint) for one in run.verdict.removed] == [("namer", "budget")]
    # The bills are of two replicas each, and are due whole.
    assert run.verdict.chosen.models == ("both",)
    assert run.verdict.chosen.usd_per_month == 600.0
    (sums,) = [task for task in run.verdict.tasks if task.task == "sums"]
    priced = {one.model: one.spending for one in sums.standings}
    assert priced["adder"] is not None
    assert priced["adder"].provenance.source == ids["adder"]
    assert priced["adder"].usd_per_1000_accepted is not None
    assert priced["adder"].usd_per_1000_accepted.value == pytest.approx(3.0)
    flips = [flip for flip in run.verdict.flips if flip.sentence.endswith("Above 2.50 USD.")]
    assert [flip.flips_at for flip in flips] == [2.5]
    assert flips[0].sentence == "both on L40S against an API: Above 2.50 USD."
    assert flips[0].what == "USD per GPU hour (both on L40S against an API)"
    told = Told(usd_per_month={"namer": 10.0})
    more = decide(store, constraints=Constraints(usd_per_month=1000.0), told=told).verdict
    assert more.chosen.by_task == (("names", "namer"), ("sums", "adder"))
    assert more.chosen.usd_per_month == 910.0


def test_people_are_paid_once_however_many_replicas_there_are(store: Workspace) -> None:
    name = cost_run(store, "both", 900.0)
    run = store.load(name, CostRun)
    people = Interval(300.0, 300.0, 300.0, 0.8)
    source = Provenance("assumed", "you", "2026-01-05")
    (option,) = run.report.options
    option = replace(option, lines=(CostLine("people", people, source),))
    report = replace(run.report, options=(option,))
    info = store.new_info("cost", model="both", subject="cost", key="k2")
    store.save(info, replace(run, info=info, report=report))
    (spent,) = {
        one.spending
        for task in decide(
            store, constraints=Constraints(load=ExpectedLoad(requests_per_s=1.0))
        ).verdict.tasks
        for one in task.standings
        if one.spending is not None and one.accuracy.value == 0.7
    }
    # 600 of hardware for two replicas.
    assert spent.usd_once == 300.0
    assert spent.usd_per_month is not None
    assert spent.usd_per_month.value == 600.0


def test_the_file_says_which_replicas_it_does_not_reach(store: Workspace, tmp_path: Path) -> None:
    for model in ("adder", "namer", "both"):
        load_run(store, model, "chat", 40)
    run = decide(store, constraints=Constraints(load=ExpectedLoad(requests_per_s=30.0)))
    # Eight requests a second each: fifteen on each of the two tasks.
    assert dict(run.verdict.chosen.replicas) == {"adder": 2, "namer": 2}
    assert "  # adder: the decision takes 2 replicas, each on a machine" in run.router_config
    assert "  # url: [http://127.0.0.1:1/adder/v1, http://MACHINE-2:PORT/v1]" in run.router_config
    assert parse_config(run.router_config, tmp_path, origin="test").models["adder"].urls
    said = [one for one in to_json(run)["warnings"] if "replicas" in one]
    assert said[0] == (
        "the file reaches 1 of the 2 replicas of adder that the load takes; its comments say where "
        "to name the others."
    )


def test_the_file_says_on_which_evidence_each_route_rests(store: Workspace, tmp_path: Path) -> None:
    run = decide(store)
    adder = store.find("adder@sums")
    assert f"measured: {adder.id}, {adder.created[:10]}" in run.router_config
    routes = run.router_config.partition("routes:\n")[2].splitlines()
    assert routes[0].startswith("# names: namer is right in 95.0 %")
    assert parse_config(run.router_config, tmp_path, origin="test").routes[0].use[0] == "namer"


@pytest.mark.parametrize(
    ("constraints", "told", "said"),
    [
        (Constraints(places=(("addr", "here"),)), Told(), "--at names 'addr'"),
        (Constraints(license_read=("x",)), Told(), "--license-read names 'x'"),
        (Constraints(), Told(usd_per_month={"bothh": 1.0}), "Did you mean 'both'"),
    ],
)
def test_what_is_said_of_nobody_is_refused(
    store: Workspace, constraints: Constraints, told: Told, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        decide(store, constraints=constraints, told=told, strict=True)
    decide(store, constraints=constraints, told=told)


def test_of_an_imported_run_nobody_knows_where_the_model_answers(store: Workspace) -> None:
    for task in PROMPTS:
        again(store, f"adder@{task}", url="", origin="lm-eval: results.json", memory_bytes=None)
    stays = Constraints(data_may_leave=False)
    (removed,) = decide(store, constraints=stays).verdict.removed
    assert removed.reason.startswith("It answers at an address that nobody kept")
    # It may be meant to run here, so that it is not taken for weightless.
    with pytest.raises(InputError, match="--memory adder=24GiB"):
        decide(store, budget_bytes=100 * MIB)


def test_verdicts_kept_before_there_were_constraints_can_still_be_read(store: Workspace) -> None:
    run = decide(store)
    old = msgspec.to_builtins(run)
    for name in ("constraints", "removed", "gain", "overall", "flips", "notes"):
        del old["verdict"][name]
    for name in ("replicas", "devices", "usd_per_month"):
        del old["verdict"]["chosen"][name]
    for standing in old["verdict"]["tasks"][0]["standings"]:
        for name in ("p_best", "p_cheapest", "on_front", "served", "spending"):
            del standing[name]
    for name in ("p_adjusted", "more_items"):
        del old["verdict"]["tasks"][0]["lead"][name]
    read = msgspec.convert(old, VerdictRun)
    assert read.verdict.sentence == run.verdict.sentence
    assert to_json(read)["removed"] == []
