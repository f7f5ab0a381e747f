"""What the bills of a workspace say of a decision: how many replicas, which load, which device."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verbs.test_decide import cost_run, load_run
from tests.verbs.test_decide import store as store  # noqa: PLC0414 -- a fixture
from weighbridge.core.constraints import Constraints, ExpectedLoad, NothingLeftError
from weighbridge.core.cost import (
    FLAT,
    CostedOption,
    CostQuestion,
    CostReport,
    CostRun,
    Demand,
    FixedLine,
    Hosted,
    HostedPrice,
    certain,
)
from weighbridge.core.provenance import Interval
from weighbridge.decide.assignment import solve
from weighbridge.decide.problem import Problem
from weighbridge.facts.devices import read_machine
from weighbridge.verbs.decide import decide
from weighbridge.verbs.decide_evidence import Told
from weighbridge.workspace.folder import Workspace


def at(rate: float, **others: float) -> Constraints:
    return Constraints(load=ExpectedLoad(requests_per_s=rate), **others)  # type: ignore[arg-type]


def test_a_bill_of_several_replicas_is_due_whole_where_no_other_load_is_given(
    store: Workspace,
) -> None:
    for model in ("adder", "namer", "both"):
        cost_run(store, model, 110.0)
        load_run(store, model, "chat", 40)
    with pytest.raises(NothingLeftError) as caught:
        decide(store, constraints=Constraints(usd_per_month=80.0))
    assert [flip.flips_at for flip in caught.value.flips] == [110.0]
    assert "From 110 USD a month on: " in caught.value.flips[0].sentence
    # A study's bill is of its own traffic, whatever the load that its latency is looked up for.
    study = Told(own_bills=True)
    asked = at(1.0, usd_per_month=80.0)
    with pytest.raises(NothingLeftError):
        decide(store, constraints=asked, told=study)
    asked = at(1.0, usd_per_month=120.0)
    chosen = decide(store, constraints=asked, told=study).verdict.chosen
    assert (chosen.models, chosen.usd_per_month) == (("both",), 110.0)
    assert dict(chosen.replicas) == {"both": 1}
    # Eight requests a second each: three replicas, of which the bill has two.
    three = decide(store, constraints=replace(at(24.0), min_accuracy=(("names", 0.7),)), told=study)
    assert dict(three.verdict.single.replicas)["both"] == 3  # type: ignore[union-attr]
    assert three.verdict.single.usd_per_month == 165.0  # type: ignore[union-attr]


def test_for_another_load_replicas_are_counted_and_what_a_request_costs_is_left_out(
    store: Workspace,
) -> None:
    for model in ("adder", "namer", "both"):
        name = cost_run(store, model, 110.0)
        load_run(store, model, "chat", 40)
    found = decide(store, constraints=at(24.0)).verdict
    assert found.single is not None
    assert found.single.usd_per_month == 165.0
    spent = [one.spending for task in found.tasks for one in task.standings]
    assert {one.usd_per_1000_accepted for one in spent if one} == {None}
    assert {one.usd_per_1000 for one in spent if one} == {None}
    assert (
        f"The bill of both ({name}) is for 1,000 requests a day, not for 24 requests/s: its USD a "
        "month are those of the replicas that this load takes, and what 1,000 requests cost at it "
        "is not known."
    ) in found.notes
    said = [flip.sentence for flip in found.flips if flip.sentence.endswith("Above 2.50 USD.")]
    assert said
    assert all(" against an API at 1,000 requests a day: " in one for one in said)


def hosted_run(store: Workspace, model: str, fixed: tuple[FixedLine, ...] = ()) -> str:
    """30 USD a month for 1,000 requests a day, with as many in every hour."""
    demand = Demand(certain(1e6), certain(500.0), certain(500.0), profile=FLAT)
    host = Hosted(model, HostedPrice(certain(1.0), certain(1.0)), fixed=fixed)
    usd, each = Interval(30.0, 30.0, 30.0, 0.8), Interval(1.0, 1.0, 1.0, 0.8)
    option = CostedOption(model, "api", (), usd, each, 1.0)
    report = CostReport(CostQuestion(demand, (), (host,)), (option,), (), (), 1, 100, "")
    info = store.new_info("cost", model=model, subject="cost", key="h")
    store.save(info, CostRun(info, report))
    return info.id


def test_a_hosts_bill_grows_with_the_load_where_it_is_by_tokens_alone(store: Workspace) -> None:
    hosted_run(store, "adder")
    name = hosted_run(store, "namer", (FixedLine("review", certain(10.0)),))
    found = decide(store, constraints=at(1000 / 86_400 * 50)).verdict
    spent = {one.model: one.spending for task in found.tasks for one in task.standings}
    assert spent["adder"] is not None
    assert spent["adder"].usd_per_month is not None
    assert spent["adder"].usd_per_month.value == pytest.approx(1500.0)
    assert spent["adder"].usd_per_1000 == Interval(1.0, 1.0, 1.0, 0.8)
    assert spent["namer"] is not None
    assert spent["namer"].usd_per_month is None
    assert any(
        note.startswith(f"The bill of namer ({name}) is for 1,000 requests a day")
        and note.endswith("what its host bills for that load is not known.")
        for note in found.notes
    )


def test_a_bill_of_another_device_says_nothing_of_the_one_that_is_asked(store: Workspace) -> None:
    name = cost_run(store, "both", 600.0)
    two = "2x RTX 4090"
    asked = Constraints(device_bytes=(24 * 2**30,) * 2)

    def decided(device: str, *, own_bills: bool = False) -> tuple[object, tuple[str, ...]]:
        with_machine = Told(read_machine(device), own_bills=own_bills)
        found = decide(store, constraints=asked, told=with_machine).verdict
        (spent,) = [one.spending for one in found.tasks[0].standings if one.model == "both"]
        return spent and spent.provenance.source, found.notes

    left_out = (
        f"Cost not known for {two}: the newest bill of both, {name}, is for 1x L40S. Run "
        f"`weigh cost --device '{two}'` for it."
    )
    source, notes = decided(two)
    assert source is None
    assert left_out in notes
    assert decided(two, own_bills=True)[0] == name  # a study bills each candidate's own device
    assert decided("L40S")[0] == name
    source, notes = decided("2x L40S")
    assert source == name
    assert f"The bill of both ({name}) is for 1x L40S a replica." in notes
    bare = cost_run(store, "both", 36.0, device="")
    source, notes = decided(two)
    assert source == bare
    assert left_out not in notes
    assert (
        f"The bill of both ({bare}) names no device: it is for both on L40S, and is taken to be "
        "for 2 × RTX 4090."
    ) in notes
    more = cost_run(store, "both", 4800.0, device="RTX 4090", gpus=4)
    assert decided(two)[0] == bare
    assert decided("4x RTX 4090")[0] == more


def test_no_more_replicas_are_taken_than_the_load_needs_though_more_are_paid() -> None:
    problem = Problem(
        accuracy={"t": {"a": 0.9, "b": 0.1}, "u": {"b": 0.9}},
        mix={"t": 0.4, "u": 0.6},
        memory_bytes={"a": 0, "b": 0},
        demand={"t": 10.0, "u": 15.0},
        capacity={"a": 10.0, "b": 10.0},
        usd_per_month={"a": 300.0, "b": 40.0},
        billed={"a": 3},
    )
    found = solve(problem)
    assert found is not None
    assert dict(found.replicas) == {"a": 1, "b": 2}
    assert found.usd_per_month == 380.0
    assert solve(replace(problem, budget_usd=380.0)) == found
    cheaper = solve(replace(problem, budget_usd=379.0))
    assert cheaper is not None
    assert (cheaper.models, cheaper.usd_per_month) == (("b",), 120.0)
