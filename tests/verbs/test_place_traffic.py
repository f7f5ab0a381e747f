"""Servers as large as their traffic needs, and what would give a place to what has none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.verbs.test_place import ONE, written
from weighbridge.core.errors import ConfigError
from weighbridge.verbs.place import PlacementPlan, plan

CARD = """
machines: [RTX 4090]
context: 8k
prompt_tokens: 1024
output_tokens: 256
formats: [published, fp8]
users: %d
requests_per_s: %s
models: [{name: Qwen/Qwen3-8B}]
"""
NODE = """
machines: [2x L40S]
context: 2k
prompt_tokens: 1024
output_tokens: 256
formats: [published, fp8]
models:
  - {name: Qwen/Qwen3-8B, requests_per_s: %s}
  - {name: openai/gpt-oss-20b, requests_per_s: 1}
  - {name: Qwen/Qwen3-32B, requests_per_s: 0.5}
"""


def slots(found: PlacementPlan) -> dict[str, int]:
    return {one.wanted: one.option.users for one in found.placement.placed}


def test_load_is_the_cause_where_the_nearest_lacks_nothing_else(tmp_path: Path) -> None:
    """At either number of users bf16 lacks memory and speed; fp8 lacks speed alone."""
    for users in (8, 9):
        (left,) = plan(written(tmp_path, CARD % (users, "2"))).placement.unplaced
        assert left.fault in ("load", "traffic")
        assert "fp8" in left.reason
        assert "short by" not in left.reason
        assert "It has a place on empty devices with `requests_per_s: 1." in left.reason


def test_less_traffic_that_is_named_does_fit(tmp_path: Path) -> None:
    (left,) = plan(written(tmp_path, CARD % (9, "2"))).placement.unplaced
    named = re.search(r"`requests_per_s: ([\d.]+)`", left.reason)
    assert named is not None
    assert plan(written(tmp_path, CARD % (9, named[1]))).placement.feasible


def test_what_lacks_memory_names_users_context_and_format_that_do(tmp_path: Path) -> None:
    text = (CARD % (10, "0.1")).replace("[published, fp8]", "[published]")
    placement = plan(written(tmp_path, text)).placement
    (left,) = placement.unplaced
    assert left.fault == "memory"
    assert placement.reasons == (left.reason,), "nothing is told twice"
    users = re.search(r"`users: (\d+)`", left.reason)
    context = re.search(r"a context of (\d+k) tokens", left.reason)
    assert users is not None
    assert context is not None
    for count, fits in ((int(users[1]), True), (int(users[1]) + 1, False)):
        again = plan(written(tmp_path, text.replace("users: 10", f"users: {count}")))
        assert again.placement.feasible is fits
    shorter = plan(written(tmp_path, text.replace("8k", context[1])))
    assert shorter.placement.feasible


def test_without_users_servers_have_as_many_slots_as_their_traffic_needs(tmp_path: Path) -> None:
    found = plan(written(tmp_path, NODE % 1.5))
    assert found.placement.feasible
    for use in found.placement.devices:
        assert use.load <= 0.8
    for one in found.servers:
        (name,) = one.serves
        assert f"--max-num-seqs {slots(found)[name]}" in one.command
    assert any("Little" in note for note in found.notes)


def test_more_traffic_needs_more_slots_and_none_needs_one(tmp_path: Path) -> None:
    alone = NODE.partition("  - {name: openai")[0]
    counts = [slots(plan(written(tmp_path, alone % rate))) for rate in (0, 0.2, 2, 6)]
    of = [each["Qwen/Qwen3-8B"] for each in counts]
    assert of[0] == 1
    assert of == sorted(set(of))


def test_slots_that_were_derived_can_be_asked_for(tmp_path: Path) -> None:
    alone = NODE.partition("  - {name: openai")[0] % 2
    derived = plan(written(tmp_path, alone))
    (one,) = derived.placement.placed
    users = one.option.users * one.option.replicas
    asked = plan(written(tmp_path, f"users: {users}\n{alone}"))
    (same,) = asked.placement.placed
    assert same.option.load == pytest.approx(one.option.load)
    assert same.option.memory_bytes == pytest.approx(one.option.memory_bytes)
    assert not any("Little" in note for note in asked.notes)


def test_tasks_without_users_share_a_server(tmp_path: Path) -> None:
    head = NODE.partition("models:")[0]
    task = "{name: %s, requests_per_s: 0.5, candidates: [{model: Qwen/Qwen3-8B}]}"
    found = plan(written(tmp_path, f"{head}tasks: [{task % 'a'}, {task % 'b'}]"))
    assert found.placement.feasible
    assert any(one.serves == ("a", "b") for one in found.servers)


@pytest.mark.parametrize("written_as", ["RTX 4090", "{device: RTX 4090}", "4090", "1x RTX 4090"])
def test_a_machine_may_be_a_line(tmp_path: Path, written_as: str) -> None:
    found = plan(written(tmp_path, (CARD % (4, "0.5")).replace("RTX 4090", written_as)))
    assert found.placement.devices[0].site == "RTX 4090"


@pytest.mark.parametrize("key", ["models", "tasks"])
def test_what_has_to_be_a_block_says_so(tmp_path: Path, key: str) -> None:
    text = (CARD % (4, "0.5")).partition("models:")[0] + f"{key}: [Qwen/Qwen3-8B]"
    with pytest.raises(ConfigError, match=f"under `{key}` is a block each") as error:
        plan(written(tmp_path, text))
    assert "- name:" in error.value.fix


def test_no_device_is_given_away_beyond_what_a_plan_tells_vllm(tmp_path: Path) -> None:
    text = ONE % ("A100 SXM 80GB", "")
    for users in range(4, 40, 5):
        found = plan(written(tmp_path, text.replace("users: 4", f"users: {users}")))
        share = sum(one.share for one in found.servers)
        assert share <= 0.95 + 1e-9
        doubted = [note for note in found.notes if note.startswith("In doubt, GPU 0: ")]
        assert bool(doubted) is (share > 0.9)
