from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from weighbridge.core.calibration import MeasuredPoint
from weighbridge.core.errors import InputError, UnknownRunError
from weighbridge.core.load import Distribution, LoadLevel, LoadRun
from weighbridge.core.traffic import LoadShape
from weighbridge.facts.catalog.catalogue import load
from weighbridge.predict.rows import predict
from weighbridge.predict.table import Scenario
from weighbridge.verbs import calibrate as verb
from weighbridge.verbs.scenario_jobs import Jobs
from weighbridge.workspace.calibration import read_points
from weighbridge.workspace.folder import Workspace

SETUP = verb.Setup("RTX 4090", "llama.cpp", "Qwen/Qwen3-8B", "Q4_K_M", prompt_tokens=1024)
CATALOGUE, CLOCK = load(), FakeClock()


def sample(value: float) -> Distribution:
    return Distribution(16, value, value, value, value, value)


def expected(users: float, model: str = "Qwen/Qwen3-8B") -> tuple[float, float]:
    """TTFT and TPOT in ms before any calibration."""
    asked = Scenario(model, "RTX 4090", "llama.cpp", "", "Q4_K_M", 1024, 64, 1, 1, 1, users)
    one = predict([Jobs(CATALOGUE, CLOCK).job(asked)[0]])[0]
    assert one.ttft_ms is not None
    assert one.tpot_ms is not None
    return one.ttft_ms.value, one.tpot_ms.value


def level(users: int, slower: float, *, errors: int = 0) -> LoadLevel:
    ttft, tpot = expected(users)
    return LoadLevel(
        shape=LoadShape("closed", users), requests=16, errors=errors,
        error_kinds=(), first_error="",
        duration_s=10, requests_per_s=1.6, output_tokens=64 * (16 - errors),
        output_tokens_per_s=100, tokens_from="usage",
        ttft_ms=None if errors == 16 else sample(ttft * slower), itl_ms=None,
        tpot_ms=None if errors == 16 else sample(tpot * slower), e2e_ms=None,
    )  # fmt: skip


def kept(store: Workspace, levels: tuple[LoadLevel, ...], subject: str = "prompts") -> str:
    info = store.new_info("load", model="my-model", subject=subject, key="k")
    store.save(info, LoadRun(info, "http://127.0.0.1:1/v1", 64, levels, ()))
    return info.id


def add(store: Workspace, runs: list[str], setup: verb.Setup = SETUP) -> tuple[MeasuredPoint, ...]:
    return verb.add(store, store.root, runs, setup, catalogue=CATALOGUE, clock=CLOCK)


def three(store: Workspace, slower: float = 1.2) -> str:
    return kept(store, tuple(level(users, slower) for users in (1, 4, 8)))


def test_levels_become_points_that_predictions_start_from(workspace: Workspace) -> None:
    run = three(workspace)
    points = add(workspace, [run])
    assert [point.concurrency for point in points] == [1, 4, 8]
    assert {point.output_tokens for point in points} == {64}
    known = verb.load(workspace.root, CATALOGUE, CLOCK)
    document = verb.to_json(points, known)
    machine = document["machines"][0]
    assert (machine["device"], machine["points"], machine["runs"]) == ("RTX 4090", 3, [run])
    assert all(part["value"] > 1 for part in machine["slower"].values())


def test_a_run_counts_once(workspace: Workspace) -> None:
    run = three(workspace)
    for _ in range(2):
        add(workspace, [run])
    assert len(read_points(workspace.root)) == 3
    other = replace(SETUP, model="Qwen/Qwen3-14B")
    add(workspace, [three(workspace)], other)
    assert verb.load(workspace.root, CATALOGUE, CLOCK)[0].points == 6


def test_levels_that_failed_are_no_points(workspace: Workspace) -> None:
    run = kept(workspace, (level(1, 1.0), level(4, 1.0, errors=16)))
    assert len(add(workspace, [run])) == 1
    failed = kept(workspace, (level(4, 1.0, errors=16),))
    with pytest.raises(InputError, match="No level"):
        add(workspace, [failed])


def test_what_the_run_does_not_say_must_be_said(workspace: Workspace) -> None:
    run = three(workspace)
    unsaid = replace(SETUP, prompt_tokens=None)
    with pytest.raises(InputError, match="how long its prompts were"):
        add(workspace, [run], unsaid)
    synthetic = kept(workspace, (level(1, 1.0),), "synthetic")
    points = add(workspace, [synthetic], unsaid)
    assert points[0].prompt_tokens == verb.SYNTHETIC_TOKENS
    counted = kept(workspace, (replace(level(1, 1.0), prompt_tokens=900),), "chat")
    (point,) = [one for one in add(workspace, [counted], unsaid) if one.run == counted]
    assert point.prompt_tokens == 900 / level(1, 1.0).requests


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ""}, "no model 'my-model'"),
        ({"system": "H100"}, "may mean 3 devices"),
        ({"engine": "vllm", "system": "M3 Max 40-core 64GB"}, "does not run"),
        ({"precision": "fp7"}, "no precision"),
    ],
)
def test_what_cannot_be_predicted_is_not_kept(
    workspace: Workspace, changes: dict[str, str], message: str
) -> None:
    run = three(workspace)
    with pytest.raises(InputError, match=message) as caught:
        add(workspace, [run], replace(SETUP, **changes))  # type: ignore[arg-type]
    assert "--model, --device and --precision" in caught.value.fix
    assert read_points(workspace.root) == ()


def test_runs_that_are_not_there(workspace: Workspace) -> None:
    with pytest.raises(UnknownRunError):
        add(workspace, ["load-nope"])


def test_forgetting(workspace: Workspace) -> None:
    first, second = three(workspace), three(workspace)
    add(workspace, [first, second])
    assert verb.forget(workspace.root, [first]) == 3
    assert {point.run for point in read_points(workspace.root)} == {second}
    with pytest.raises(InputError, match=f"There are points of {second}"):
        verb.forget(workspace.root, [first])
    assert verb.forget(workspace.root, []) == 3
    assert verb.load(workspace.root, CATALOGUE, CLOCK) == ()


def test_points_of_unknown_models_are_passed_over(workspace: Workspace, tmp_path: Path) -> None:
    assert verb.load(tmp_path / "nowhere", CATALOGUE, CLOCK) == ()
    run = three(workspace)
    add(workspace, [run])
    path = workspace.root / "calibration.json"
    path.write_text(path.read_text().replace("Qwen/Qwen3-8B", "gone/for-ever"))
    assert verb.load(workspace.root, CATALOGUE, CLOCK) == ()


def test_short_prompts_are_said_to_tell_nothing_of_long_ones(workspace: Workspace) -> None:
    setup = replace(SETUP, engine="vllm", precision="fp8", prompt_tokens=32)
    add(workspace, [three(workspace)], setup)
    known = verb.load(workspace.root, CATALOGUE, CLOCK)
    (first, *_) = verb.notes(known)
    assert "prompts were short" in first
    assert "--prompt-tokens 1024" in first
    assert first in verb.to_json((), known)["machines"][0]["notes"]


def test_what_is_as_predicted_needs_no_note(workspace: Workspace) -> None:
    add(workspace, [three(workspace)])
    assert verb.notes(verb.load(workspace.root, CATALOGUE, CLOCK)) == ()


def test_times_far_from_the_prediction_are_told(workspace: Workspace) -> None:
    add(workspace, [three(workspace, 6.0)])
    notes = verb.notes(verb.load(workspace.root, CATALOGUE, CLOCK))
    assert any("TPOT was measured at ×6 of the prediction" in note for note in notes)
