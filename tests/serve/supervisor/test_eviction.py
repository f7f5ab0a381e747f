from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.gateway import EngineState
from weighbridge.serve.supervisor.eviction import Patience, Resident, Target, plan_eviction

PATIENCE = Patience(starvation_s=10)
IDLE = Resident("idle", "ready", 40, idle_s=60, up_s=100, reload_s=2)
TARGET = Target("new", 50, waited_s=0.1, reload_s=2)


def but(one: Resident, **changed: object) -> Resident:
    return dataclasses.replace(one, **changed)  # type: ignore[arg-type]


def test_what_fits_comes_in_without_anybody_going() -> None:
    assert plan_eviction(TARGET, [IDLE], 90, PATIENCE).fits
    assert plan_eviction(TARGET, [IDLE], None, PATIENCE).fits
    assert not plan_eviction(TARGET, [IDLE], 89, PATIENCE).fits


def test_what_is_larger_than_the_machine_never_fits() -> None:
    plan = plan_eviction(TARGET, [], 49, PATIENCE)
    assert plan.never == "new needs 50 B, and all engines together may take 49 B"


def test_pinned_models_never_go() -> None:
    plan = plan_eviction(TARGET, [but(IDLE, pinned=True)], 80, PATIENCE)
    assert plan.victims == ()
    assert plan.never == "new needs 50 B, and pinned models leave 40 B"


@pytest.mark.parametrize("state", ["starting", "waking", "draining", "stopping", "sleeping"])
def test_nobody_is_evicted_on_its_way(state: EngineState) -> None:
    late = dataclasses.replace(TARGET, waited_s=1000)
    assert plan_eviction(late, [but(IDLE, state=state)], 60, PATIENCE).victims == ()


def test_memory_on_its_way_is_waited_for_instead_of_evicting_more() -> None:
    going = but(IDLE, model="going", state="stopping", leaving=True)
    plan = plan_eviction(TARGET, [IDLE, going], 100, PATIENCE)
    assert plan.victims == ()
    assert plan.why == "memory is on its way"


def test_what_is_set_aside_for_others_counts() -> None:
    assert not plan_eviction(TARGET, [], 60, PATIENCE, reserved_bytes=20).fits


def test_the_least_valuable_goes_first() -> None:
    dear = but(IDLE, model="dear", reload_s=30)
    fresh = but(IDLE, model="fresh", idle_s=20)
    plan = plan_eviction(TARGET, [dear, fresh, IDLE], 130, PATIENCE)
    assert plan.stop == ("idle",)
    assert plan.why.startswith("idle (idle for 60.0 s, back within 2.0 s) makes room for new")


def test_nobody_goes_in_vain() -> None:
    small = but(IDLE, model="small", held_bytes=5, idle_s=600)
    assert plan_eviction(TARGET, [small, IDLE], 60, PATIENCE).stop == ("idle",)


def test_busy_engines_are_drained_only_at_the_starvation_bound() -> None:
    busy = but(IDLE, in_flight=1, idle_s=0)
    assert plan_eviction(TARGET, [busy], 60, PATIENCE).victims == ()
    late = dataclasses.replace(TARGET, waited_s=10)
    assert plan_eviction(late, [busy], 60, PATIENCE).stop == ("idle",)
    assert plan_eviction(late, [but(busy, up_s=3)], 60, PATIENCE).victims == ()


def test_an_idle_engine_goes_before_a_busy_one() -> None:
    busy = but(IDLE, model="busy", in_flight=1, reload_s=0.001)
    late = dataclasses.replace(TARGET, waited_s=10)
    assert plan_eviction(late, [busy, IDLE], 100, PATIENCE).stop == ("idle",)


def test_an_engine_between_two_requests_of_its_user_is_kept() -> None:
    between = but(IDLE, idle_s=0.5, gap_s=1.0)
    assert plan_eviction(TARGET, [between], 60, PATIENCE).victims == ()
    assert plan_eviction(TARGET, [but(between, idle_s=10)], 60, PATIENCE).victims
    # Whoever asks once an hour is not waited for.
    rare = but(IDLE, idle_s=11, gap_s=3600.0)
    assert plan_eviction(TARGET, [rare], 60, PATIENCE).victims


def test_when_everybody_waits_nobody_idle_is_kept() -> None:
    between = but(IDLE, idle_s=0.2, gap_s=1.0)
    assert plan_eviction(TARGET, [between], 60, PATIENCE).victims == ()
    assert plan_eviction(TARGET, [between], 60, PATIENCE, is_quiet=True).victims == ("idle",)
    busy = but(between, in_flight=1)
    assert plan_eviction(TARGET, [busy], 60, PATIENCE, is_quiet=True).victims == ()
    pinned = but(between, pinned=True)
    assert plan_eviction(TARGET, [pinned], 60, PATIENCE, is_quiet=True).victims == ()


def test_sleeping_is_enough_where_it_frees_enough() -> None:
    sleeper = but(IDLE, asleep_bytes=4)
    assert plan_eviction(TARGET, [sleeper], 60, PATIENCE).sleep == ("idle",)
    assert plan_eviction(TARGET, [sleeper], 52, PATIENCE).stop == ("idle",)
    asleep = but(sleeper, state="asleep", held_bytes=4)
    assert plan_eviction(TARGET, [asleep], 52, PATIENCE).stop == ("idle",)


def test_long_loads_stretch_the_bound_but_not_for_ever() -> None:
    assert PATIENCE.bound_s(1) == 10
    assert PATIENCE.bound_s(30) == 60
    assert PATIENCE.bound_s(3600) == 120


residents = st.builds(
    Resident,
    model=st.sampled_from("abcdefgh"),
    state=st.sampled_from(["ready", "asleep", "starting", "draining", "stopping"]),
    held_bytes=st.integers(1, 100),
    in_flight=st.integers(0, 1),
    queued=st.integers(0, 1),
    idle_s=st.floats(0, 100),
    gap_s=st.none() | st.floats(0, 100),
    up_s=st.floats(0, 100),
    reload_s=st.floats(0.1, 100),
    pinned=st.booleans(),
)


@given(
    st.lists(residents, max_size=8, unique_by=lambda one: one.model),
    st.integers(1, 300),
    st.integers(1, 300),
    st.floats(0, 200),
)
def test_a_plan_frees_enough_and_hurts_nobody(
    others: list[Resident], need: int, budget: int, waited_s: float
) -> None:
    plan = plan_eviction(Target("new", need, waited_s, 2), others, budget, PATIENCE)
    by_name = {one.model: one for one in others}
    held = sum(one.held_bytes for one in others)
    assert plan.fits == (need + held <= budget)
    for name in plan.victims:
        one = by_name[name]
        assert one.state in ("ready", "asleep")
        assert not one.pinned
        assert not one.is_busy or waited_s >= PATIENCE.starvation_s
    if plan.victims:
        freed = sum(by_name[name].held_bytes for name in plan.victims)
        assert need + held - freed <= budget
        assert all(need + held - freed + by_name[name].held_bytes > budget for name in plan.victims)
