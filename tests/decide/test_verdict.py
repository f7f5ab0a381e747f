from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.runs import accurate, eval_run
from weighbridge.core.constraints import Constraints, ExpectedLoad, NothingLeftError, Removed
from weighbridge.core.errors import InputError
from weighbridge.core.model_comparison import ModelComparison
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.runs import EvalRun
from weighbridge.core.tradeoffs import Bounded, Served, Spending
from weighbridge.core.units import GIB
from weighbridge.core.verdict import ModelMemory, Verdict
from weighbridge.core.workload import parse_slo
from weighbridge.decide.evidence import NOTHING_ELSE, Evidence
from weighbridge.decide.model_comparison import compare_models
from weighbridge.decide.run_outcomes import outcomes_of_suite
from weighbridge.decide.statistics import wilson
from weighbridge.decide.verdict import decide

RIGHT = {
    ("tally", "sums"): 180,
    ("tally", "words"): 10,
    ("clerk", "sums"): 20,
    ("clerk", "words"): 170,
    ("porter", "sums"): 140,
    ("porter", "words"): 160,
}
RUNS = [eval_run(model, task, accurate(right, 200)) for (model, task), right in RIGHT.items()]
SIZES = {"tally": 2 * GIB, "clerk": 2 * GIB, "porter": 3 * GIB}


def memory(sizes: dict[str, int]) -> list[ModelMemory]:
    source = Provenance("measured", "test", "2026-01-05")
    return [ModelMemory(model, size, source) for model, size in sizes.items()]


def without(*dropped: tuple[str, str]) -> list[EvalRun]:
    return [run for run in RUNS if (run.info.model, run.suite) not in dropped]


def test_specialists_where_they_fit_one_model_where_they_do_not() -> None:
    verdict = decide(RUNS, memory(SIZES), 4 * GIB)
    assert verdict.chosen.by_task == (("sums", "tally"), ("words", "clerk"))
    assert verdict.chosen.memory_bytes == 4 * GIB
    assert verdict.chosen.accuracy == pytest.approx((0.9 + 0.85) / 2)
    assert verdict.single is not None
    assert verdict.single.models == ("porter",)
    assert verdict.single.accuracy == pytest.approx(0.75)
    assert verdict.tighter == verdict.single
    assert verdict.mix == (("sums", 0.5), ("words", 0.5))
    narrow = decide(RUNS, memory(SIZES), 4 * GIB - 1)
    assert narrow.chosen == narrow.single
    assert narrow.tighter is not None
    assert narrow.tighter.models == ("tally",)


def test_the_mix_of_traffic_decides_which_single_model_is_best() -> None:
    mostly_sums = decide(RUNS, memory(SIZES), None, {"words": 1, "sums": 9})
    assert mostly_sums.mix == (("sums", 0.9), ("words", 0.1))
    assert mostly_sums.single is not None
    assert mostly_sums.single.models == ("tally",)


def test_standings_are_ranked_with_their_intervals_and_the_lead_is_tested() -> None:
    verdict = decide(RUNS, memory(SIZES), None)
    sums, words = verdict.tasks
    assert [each.model for each in sums.standings] == ["tally", "porter", "clerk"]
    assert sums.winner.accuracy == wilson(180, 200)
    assert sums.winner.run == "eval-tally-sums"
    assert sums.is_clear
    assert sums.lead is not None
    assert (sums.lead.a, sums.lead.b, sums.lead.flips_up) == ("porter", "tally", 40)
    assert words.lead is not None
    assert words.lead.difference.value == pytest.approx(0.05)


def test_the_same_runs_in_another_order_give_the_same_decision() -> None:
    turned = decide(RUNS[::-1], memory(SIZES), 4 * GIB)
    straight = decide(RUNS, memory(SIZES), 4 * GIB)
    assert dict(turned.chosen.by_task) == dict(straight.chosen.by_task)
    assert {task.task: task.standings for task in turned.tasks} == {
        task.task: task.standings for task in straight.tasks
    }


def test_models_without_a_memory_are_left_out() -> None:
    verdict = decide(RUNS, memory({"tally": 1, "porter": 1}), None)
    assert {each.model for task in verdict.tasks for each in task.standings} == {"tally", "porter"}


def test_models_of_unknown_size_have_no_tighter_choice() -> None:
    assert decide(RUNS, memory(dict.fromkeys(SIZES, 0)), None).tighter is None


def test_a_model_that_skipped_a_task_is_not_given_it() -> None:
    verdict = decide(without(("clerk", "words")), memory(SIZES), None)
    assert dict(verdict.chosen.by_task)["words"] == "porter"


@pytest.mark.parametrize(
    ("runs", "budget", "mix", "words"),
    [
        ([], None, None, "no evaluations"),
        ([*RUNS, RUNS[0]], None, None, "tally has two evaluations on sums"),
        (RUNS, None, {"sums": 1.0}, "disagree about the task 'words'"),
        (RUNS, None, {"sums": 1.0, "words": 1.0, "wrods": 1.0}, "disagree about the task 'wrods'"),
        (RUNS, None, {"sums": 2.0, "words": -1.0}, "must be positive"),
        (RUNS, None, {"sums": 0.0, "words": 0.0}, "must be positive"),
        (
            [*without(("clerk", "sums")), eval_run("clerk", "sums", [True], suite_hash="other")],
            None,
            None,
            "different versions of sums",
        ),
    ],
)
def test_what_cannot_be_decided_is_said(
    runs: Iterable[EvalRun], budget: int | None, mix: dict[str, float] | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        decide(list(runs), memory(SIZES), budget, mix)


def compared(runs: list[EvalRun]) -> ModelComparison:
    tasks = dict.fromkeys(run.suite for run in runs)
    return compare_models(
        [outcomes_of_suite([run for run in runs if run.suite == task]) for task in tasks]
    )


def test_a_lead_is_judged_as_weigh_compare_judges_it() -> None:
    """The chances, too: one meaning of real, and one of P(best)."""
    # 7 flips up and none down: alone p = .016, among six pairs no longer below .05.
    near = [
        eval_run("a", "sums", accurate(57, 100)), eval_run("b", "sums", accurate(50, 100)),
        eval_run("a", "words", accurate(50, 100)), eval_run("b", "words", accurate(50, 100)),
        eval_run("c", "sums", accurate(50, 100)), eval_run("c", "words", accurate(50, 100)),
    ]  # fmt: skip
    sizes = memory({"a": 1, "b": 1, "c": 1})
    alone = decide(near[:2], sizes, None).tasks[0]
    assert alone.is_clear
    verdict = decide(near, sizes, None)
    sums = verdict.tasks[0]
    assert sums.lead is not None
    assert sums.lead.difference.value == pytest.approx(0.07)
    assert sums.lead.p_mcnemar == 2 / 2**7
    assert not sums.is_clear
    pairs = {(p.subject, frozenset((p.a, p.b))): p for p in compared(near).pairs}
    pair = pairs["sums", frozenset(("a", "b"))]
    assert sums.lead.p_adjusted == pair.p_adjusted == pytest.approx(6 * 2 / 2**7)
    assert (sums.lead.real, sums.lead.more_items) == (pair.real, pair.more_items)
    assert sums.lead.more_items
    assert verdict.caveats[0].startswith("We cannot tell a from b on sums yet; about ")
    for subject in compared(near).subjects:
        chances = {one.model: one.p_best for one in subject.standings}
        (task,) = [one for one in verdict.tasks if one.task == subject.subject]
        assert {one.model: one.p_best for one in task.standings} == chances


def test_the_gain_over_one_model_has_an_interval() -> None:
    verdict = decide(RUNS, memory(SIZES), 4 * GIB)
    assert verdict.gain is not None
    assert verdict.gain.value == pytest.approx(0.875 - 0.75)
    assert 0 < verdict.gain.low < verdict.gain.value < verdict.gain.high
    assert [one.model for one in verdict.overall] == ["porter", "tally", "clerk"]
    narrow = decide(RUNS, memory(SIZES), 4 * GIB - 1)
    assert narrow.gain is None


def answering(holds: bool | None, capacity: float | None, kind: str = "measured") -> Served:
    most = None if capacity is None else Bounded(capacity, None, None)
    source = Provenance(kind, f"load of {capacity}", "2026-01-05")  # type: ignore[arg-type]
    time = Bounded(50.0, 40.0, 60.0)
    return Served("p95", time, time, time, "8 users", True, most, "requests/s", holds, source)


def decided(
    evidence: Evidence = NOTHING_ELSE, budget: int | None = None, **asked: object
) -> Verdict:
    constraints = Constraints(**asked)  # type: ignore[arg-type]
    return decide(RUNS, memory(SIZES), budget, constraints=constraints, evidence=evidence)


def test_least_accuracies_remove_options_and_may_leave_no_single_model() -> None:
    verdict = decided(min_accuracy=(("sums", 0.9), ("words", 0.85)))
    assert verdict.chosen.by_task == (("sums", "tally"), ("words", "clerk"))
    assert verdict.single is None
    assert verdict.gain is None
    assert verdict.sentence.endswith("No single model may do everything.")
    assert {(one.model, one.task) for one in verdict.removed} == {
        ("porter", "sums"), ("clerk", "sums"), ("porter", "words"), ("tally", "words"),
    }  # fmt: skip
    assert "tally on sums may be below the 90 % that are asked" in " ".join(verdict.notes)
    with pytest.raises(NothingLeftError, match="Nothing is left for sums") as nothing:
        decided(min_accuracy=(("sums", 0.95),))
    assert "tally for sums: It is right in 90.0 %, below 95 %" in str(nothing.value)
    with pytest.raises(InputError, match="'code', which was not evaluated"):
        decided(min_accuracy=(("code", 0.5),))


def test_what_facts_rule_out_is_never_chosen_whatever_its_accuracy() -> None:
    ruled = Removed("tally", "licence", "Its licence says no.")
    verdict = decided(Evidence(removed=(ruled, Removed("ghost", "data", "It is not here."))))
    assert dict(verdict.chosen.by_task) == {"sums": "porter", "words": "clerk"}
    assert verdict.removed == (ruled,)
    assert "tally" not in {one.model for task in verdict.tasks for one in task.standings}


def test_load_needs_replicas_and_replicas_need_memory() -> None:
    evidence = Evidence(served={(model, None): answering(None, 5.0) for model in SIZES})
    load = ExpectedLoad(requests_per_s=16)
    verdict = decided(evidence, load=load)
    assert dict(verdict.chosen.replicas) == {"tally": 2, "clerk": 2}
    # Memory is of one machine; the load takes several, as none serves more with a second replica.
    assert verdict.chosen.memory_bytes == 4 * GIB
    assert verdict.chosen.fleets == ((("tally",), 2), (("clerk",), 2))
    assert verdict.single is not None
    assert dict(verdict.single.replicas) == {"porter": 4}
    assert any(note.startswith("2 × tally takes 2 machines: ") for note in verdict.notes)
    # On machines alike they divide them: 8/5 of one's work each, 16/5 together.
    budgeted = decided(evidence, 4 * GIB, load=load)
    assert budgeted.chosen.fleets == ((("tally", "clerk"), 4),)
    assert budgeted.chosen.copies == {"tally": 4, "clerk": 4}
    said = "4 × tally and 4 × clerk share 4 machines, one of each on every machine: "
    assert any(note.startswith(said) for note in budgeted.notes)
    devices = (2 * GIB, 2 * GIB, 2 * GIB)
    with pytest.raises(
        NothingLeftError,
        match=r"fit the devices' 6.00 GiB and a load of 16 requests/s with at most",
    ) as nothing:
        decided(evidence, device_bytes=devices, load=load)
    # Three devices serve 3 × 5, but each of two models takes a device for itself.
    assert [flip.unit for flip in nothing.value.flips] == ["load"]
    assert nothing.value.flips[0].flips_at == pytest.approx(15, rel=1e-3)
    assert "Something would be left: Up to about 15 requests/s: " in str(nothing.value)


def test_replicas_are_billed_machine_by_machine() -> None:
    """Capacity is not multiplied without money: ten replicas are ten machines."""
    source = Provenance("predicted", "cost-1", "2026-01-05")
    month = Interval(100.0, 100.0, 100.0)
    spent = Spending(
        None, None, month, is_hosted=False, provenance=source, machine="1 × box", usd_once=13.0
    )
    evidence = Evidence(served={("a", None): answering(None, 544.0)}, spending={"a": spent})
    runs, sizes = [eval_run("a", "s", accurate(50, 60))], memory({"a": GIB})
    asked = Constraints(load=ExpectedLoad(requests_per_s=5000.0))
    one = decide(runs, sizes, 2 * GIB, constraints=asked, evidence=evidence)
    assert dict(one.chosen.replicas) == {"a": 10}
    assert one.chosen.usd_per_month == 10 * 87 + 13
    assert one.chosen.fleets == ((("a",), 10),)
    notes = " ".join(one.notes)
    assert "10 × a takes 10 machines, and each is billed: what one serves is that of a" in notes
    load = next(flip for flip in one.flips if flip.what == "load")
    assert load.sentence == (
        "These replicas are taken to serve up to 5,440 requests/s; beyond that a needs another "
        "replica."
    )


def test_what_a_host_serves_is_billed_once_whatever_was_measured_of_it() -> None:
    """Its bill is of the whole volume, and how many machines it has is its affair."""
    source = Provenance("predicted", "cost-1", "2026-01-05")
    month = Interval(300.0, 300.0, 300.0)
    evidence = Evidence(
        served={("a", None): answering(None, 5.0)},
        spending={"a": Spending(None, None, month, is_hosted=True, provenance=source)},
    )
    asked = Constraints(load=ExpectedLoad(requests_per_s=50.0), usd_per_month=400.0)
    runs, sizes = [eval_run("a", "s", accurate(50, 60))], memory({"a": 0})
    verdict = decide(runs, sizes, None, constraints=asked, evidence=evidence)
    assert (dict(verdict.chosen.replicas), verdict.chosen.usd_per_month) == ({"a": 1}, 300.0)
    assert (verdict.chosen.fleets, verdict.unsized) == ((), ())


def test_what_fits_with_less_memory_is_billed_as_the_choice_is() -> None:
    runs = [
        eval_run(model, task, accurate(right, 200))
        for task in ("sums", "words")
        for model, right in (("a", 190), ("b", 188), ("c", 150))
        if (model, task) not in (("a", "words"), ("b", "sums"))
    ]
    runs += [eval_run("b", "sums", accurate(10, 200)), eval_run("a", "words", accurate(10, 200))]
    sizes = memory({"a": 4 * GIB, "b": 4 * GIB, "c": 3 * GIB})
    bills = billed({"a": 90.0, "b": 90.0, "c": 90.0}, "1 × box")
    verdict = decide(runs, sizes, None, evidence=bills)
    assert verdict.chosen.models == ("a", "b")
    assert verdict.tighter is not None
    assert verdict.tighter.models == ("a", "c")
    # Nobody said that one machine holds what: each pays its own, in both.
    assert (verdict.chosen.usd_per_month, verdict.tighter.usd_per_month) == (180.0, 180.0)
    assert (verdict.tighter.machines, verdict.tighter.is_upper_bound) == ((), True)
    told = decide(runs, sizes, 8 * GIB, evidence=bills)
    assert told.tighter is not None
    assert (told.chosen.usd_per_month, told.tighter.usd_per_month) == (90.0, 90.0)


def test_latency_that_is_not_held_removes_and_what_is_predicted_is_said() -> None:
    known: dict[tuple[str, str | None], Served] = {
        ("tally", None): answering(False, None),
        ("clerk", None): answering(True, 5.0),
        ("porter", None): answering(True, 5.0, "predicted"),
    }
    verdict = decided(Evidence(served=known), slo=parse_slo("ttft<100ms"))
    assert [one.model for one in verdict.removed] == ["tally"]
    assert dict(verdict.chosen.by_task) == {"sums": "porter", "words": "clerk"}
    assert any("latency of porter is predicted" in note for note in verdict.notes)
    sums = verdict.tasks[0].standings[0]
    assert sums.served == known["porter", None]


def test_a_load_without_any_measurement_is_said_to_rest_on_a_guess() -> None:
    verdict = decided(load=ExpectedLoad(users=3))
    assert verdict.caveats[0] == (
        "Whether tally, clerk and porter serve 3 users cannot be told, nor how many replicas they "
        "take: what one serves at most is not known, and one replica is taken to do."
    )
    assert decided().unsized == ()


def test_nobody_is_preferred_because_what_they_serve_is_not_known() -> None:
    """Known: 544/s a replica, ten replicas for 5,000/s. Unknown is not one replica for all."""
    runs = [
        eval_run("known", "s", accurate(120, 200)), eval_run("guess", "s", accurate(100, 200)),
    ]  # fmt: skip
    served: dict[tuple[str, str | None], Served] = {("known", None): answering(None, 544.0)}
    spending = billed({"known": 90.0, "guess": 90.0}, "")
    evidence = Evidence(served=served, spending=spending.spending)
    sizes = memory({"known": 2 * GIB, "guess": GIB})
    load = ExpectedLoad(requests_per_s=5000.0)
    asked = Constraints(load=load)
    verdict = decide(runs, sizes, 2 * GIB, constraints=asked, evidence=evidence)
    assert dict(verdict.chosen.replicas) == {"known": 10}
    assert verdict.unsized == ()
    # Where all that is known to suffice is too dear, the other is named with the doubt first.
    tight = Constraints(load=load, usd_per_month=500.0)
    dear = decide(runs, sizes, 2 * GIB, constraints=tight, evidence=evidence)
    assert dear.sentence == "Run guess for everything."
    assert dear.caveats[0].startswith("Whether guess serves 5,000 requests/s cannot be told")


def test_of_equals_the_one_whose_capacity_is_known_goes_first() -> None:
    runs = [eval_run(name, "s", accurate(120, 200)) for name in ("guess", "known")]
    served: dict[tuple[str, str | None], Served] = {("known", None): answering(None, 5.0)}
    asked = Constraints(load=ExpectedLoad(requests_per_s=20.0))
    sizes = memory({"known": GIB, "guess": 2 * GIB})
    verdict = decide(runs, sizes, None, constraints=asked, evidence=Evidence(served=served))
    assert dict(verdict.chosen.replicas) == {"known": 4}


def costing(month: float, per_1000: float) -> Spending:
    source = Provenance("predicted", "cost-1", "2026-01-05")
    price = Interval(per_1000, per_1000 * 0.9, per_1000 * 1.1, 0.8)
    return Spending(price, None, Interval(month, month, month), is_hosted=False, provenance=source)


def test_money_limits_the_models_together_and_each_task_has_its_cost_per_accepted() -> None:
    spending = {"tally": costing(600, 1.8), "clerk": costing(600, 1.7), "porter": costing(900, 2)}
    evidence = Evidence(spending=spending)
    assert decided(evidence, usd_per_month=1200.0).chosen.models == ("tally", "clerk")
    tight = decided(evidence, usd_per_month=1199.0)
    assert tight.chosen.models == ("porter",)
    assert tight.chosen.usd_per_month == 900.0
    assert "but does not fit memory, load and money together" in " ".join(tight.caveats)
    best = tight.tasks[0].standings[0]
    assert best.spending is not None
    assert best.spending.usd_per_1000_accepted is not None
    assert best.spending.usd_per_1000_accepted.value == pytest.approx(1.8 / 0.9)
    assert best.p_cheapest is not None
    assert best.p_cheapest > 0.9
    with pytest.raises(NothingLeftError):
        decided(evidence, usd_per_month=500.0)


def test_devices_are_not_one_pool() -> None:
    together = decided(device_bytes=(2 * GIB, 2 * GIB))
    assert sorted(together.chosen.devices) in (
        [("clerk", (0,)), ("tally", (1,))],
        [("clerk", (1,)), ("tally", (0,))],
    )
    # 4 GiB in one pool hold both; a device of 3 and one of 1 hold only one of the three.
    apart = decided(device_bytes=(3 * GIB, GIB))
    assert apart.chosen.models == ("porter",)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.sampled_from(["tally", "clerk", "porter"]), max_size=2, unique=True),
    st.integers(0, 100),
    st.integers(2, 7),
)
def test_what_is_removed_does_nothing_and_constraints_never_help(
    out: list[str], least: int, gib: int
) -> None:
    ruled = tuple(Removed(model, "licence", "No.") for model in out)
    try:
        bound = decided(Evidence(removed=ruled), gib * GIB, min_accuracy=(("sums", least / 100),))
    except NothingLeftError:
        # Only where one of the constraints could do that.
        assert out or least > 0 or gib < 3
        return
    assert set(bound.chosen.models).isdisjoint(out)
    does = dict(bound.chosen.by_task)
    assert RIGHT[does["sums"], "sums"] / 200 >= least / 100
    assert bound.chosen.accuracy <= decided().chosen.accuracy + 1e-9
    assert (bound.chosen.memory_bytes or 0) <= gib * GIB
    if bound.single is not None:
        assert bound.single.accuracy <= bound.chosen.accuracy + 1e-9


def billed(months: dict[str, float], machine: str) -> Evidence:
    source = Provenance("predicted", "cost-1", "2026-01-05")
    return Evidence(
        spending={
            model: Spending(
                None, None, Interval(usd, usd, usd), is_hosted=False, provenance=source,
                machine=machine,
            )
            for model, usd in months.items()
        }
    )  # fmt: skip


MONTHS = {"tally": 90.0, "clerk": 80.0, "porter": 95.0}


def test_models_that_one_machine_holds_are_billed_one_machine() -> None:
    asked = Constraints(usd_per_month=100.0)
    both = decide(
        RUNS, memory(SIZES), 4 * GIB, constraints=asked, evidence=billed(MONTHS, "1 × L40S")
    )
    assert both.chosen.models == ("tally", "clerk")
    assert both.chosen.usd_per_month == 90.0
    assert both.chosen.machines == (("tally", "clerk"),)
    assert not both.chosen.is_upper_bound
    assert any("billed one machine" in note for note in both.notes)
    # Nobody knows whether they are the same machine: each pays its own, and that is the most.
    apart = decide(RUNS, memory(SIZES), 4 * GIB, constraints=asked, evidence=billed(MONTHS, ""))
    assert apart.chosen.models == ("porter",)
    dear = decide(RUNS, memory(SIZES), None, evidence=billed(MONTHS, "1 × L40S"))
    assert (dear.chosen.usd_per_month, dear.chosen.machines) == (170.0, ())
    assert dear.chosen.is_upper_bound
    assert any(note.startswith("An upper bound: 170 USD a month") for note in dear.notes)


def test_where_nobody_can_tell_them_apart_the_dearer_is_said_to_be_the_dearer() -> None:
    runs = [eval_run("a", "s", accurate(40, 60)), eval_run("b", "s", accurate(43, 60))]
    sizes = memory({"a": GIB, "b": GIB})
    dear = decide(runs, sizes, None, evidence=billed({"a": 10.0, "b": 5000.0}, ""))
    assert dear.sentence == "Run b for everything."
    said = "b costs 5,000 USD a month and a 10: unless further items tell them apart, a is the one"
    assert said in dear.words
    cheap = decide(runs, sizes, None, evidence=billed({"a": 5000.0, "b": 10.0}, ""))
    assert "unless further items" not in cheap.words


def test_what_is_wrong_more_often_than_right_is_not_recommended_in_silence() -> None:
    none = decide([eval_run("a", "s", accurate(0, 60))], memory({"a": GIB}), None)
    assert none.words == (
        "Nothing that may be run does s well. On s, a is right in none of 60 items."
    )
    assert none.is_useless
    assert not none.tasks[0].standings[0].on_front
    rare = decide([eval_run("a", "s", accurate(2, 200))], memory({"a": GIB}), None)
    assert rare.sentence == (
        "Nothing that may be run does s well. On s, a is right in 1.0 % of 200 items."
    )
    # Two of 60 may be more than one in twenty: that is said, and is no reason to say no.
    unsure = decide([eval_run("a", "s", accurate(2, 60))], memory({"a": GIB}), None)
    assert not unsure.is_useless
    assert unsure.words == (
        "Nothing that may be run does s well; best is a, right in 3.3 % of 60 items. Run a for "
        "everything."
    )
    few = decide([eval_run("a", "s", accurate(12, 60))], memory({"a": GIB}), None)
    assert few.sentence.startswith(
        "Nothing that may be run does s well; best is a, right in 20.0 % of 60 items. Run a"
    )
    half = decide([eval_run("a", "s", accurate(30, 60))], memory({"a": GIB}), None)
    assert half.words == "Run a for everything."
