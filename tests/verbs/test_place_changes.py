from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.runner import weigh
from tests.verbs.test_place import ONE, written
from weighbridge.core.errors import ConfigError
from weighbridge.verbs.place import plan
from weighbridge.verbs.place_changes import what_helps
from weighbridge.verbs.place_file import parse

TEXT = ONE % ("RTX 4090", "")


def test_the_formats_that_are_named_do_make_all_fit(tmp_path: Path) -> None:
    reasons = " ".join(plan(written(tmp_path, TEXT)).placement.reasons)
    formats = re.search(r"`formats: (\[.*?\])`", reasons)
    assert formats is not None
    again = written(tmp_path, TEXT.replace("formats: [published]", f"formats: {formats[1]}"))
    assert plan(again).placement.feasible
    without = written(tmp_path, TEXT.replace("[published]", "[published, fp8]"))
    assert not plan(without).placement.feasible, "the smaller change is tried first"


def test_half_the_users_are_named_where_they_are_enough(tmp_path: Path) -> None:
    text = (ONE % ("A100 SXM 80GB", "")).replace("users: 4", "users: 32")
    reasons = plan(written(tmp_path, text.replace("[published]", "[published, fp8, awq]")))
    said = " ".join(reasons.placement.reasons)
    assert "All would fit with a context of 4k tokens." in said
    assert "half the `users`" in said


def test_what_helps_is_asked_of_the_smallest_change_first() -> None:
    asked: list[list[str] | None] = []

    def fits(file: object) -> bool:
        asked.append(file.models[0].formats)  # type: ignore[attr-defined]
        return False

    assert what_helps(parse(TEXT, "test"), fits, 60) == ()
    assert asked[:2] == [["published", "fp8"], ["published", "fp8", "awq"]]


def test_no_change_is_tried_when_the_time_is_up() -> None:
    assert what_helps(parse(TEXT, "test"), lambda _: True, -1) == ()
    assert what_helps(parse(TEXT, "test"), lambda _: True, 60)


def test_limits_on_latency_leave_out_what_is_too_slow(tmp_path: Path) -> None:
    roomy = ONE % ("A100 SXM 80GB", "")
    found = plan(written(tmp_path, roomy))
    times = {one.wanted: one.option.tpot_ms or 0.0 for one in found.placement.placed}
    slow, quick = times["Qwen/Qwen3-8B"], times["Qwen/Qwen3-4B-Instruct-2507"]
    assert quick < slow
    between = (slow + quick) / 2
    limited = plan(written(tmp_path, roomy.replace("users: 4", f"users: 4\ntpot_ms: {between}")))
    assert not limited.placement.feasible
    assert [one.wanted for one in limited.placement.placed] == ["Qwen/Qwen3-4B-Instruct-2507"]
    (left,) = limited.placement.unplaced
    assert left.fault == "latency"
    assert f"takes {slow:.3g} ms per further token, and {between:.3g} ms are allowed" in left.reason
    assert any("nothing else beside it" in note for note in limited.notes)
    first = plan(written(tmp_path, roomy.replace("users: 4", "users: 4\nttft_ms: 1")))
    assert "to the first token" in first.placement.unplaced[0].reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("Qwen/Qwen3-4B-Instruct-2507", "Qwen/Qwen3-8B"), "stands twice"),
        (("users: 4", "users: 4\ntpot_ms: 0"), "`tpot_ms` must be more than 0"),
        (("max_replicas: 1", "max_replicas: 100000"), "64 at most"),
        (("users: 4", "users: 4\nbudget: -1"), "`budget` must be 0 or more"),
        (("[published]", f"[{', '.join(['fp8'] * 17)}]"), "16 entries at most"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plan(written(tmp_path, TEXT.replace(*change)))


def test_too_many_models_are_told() -> None:
    many = "".join(f"  - {{name: m{number}}}\n" for number in range(65))
    with pytest.raises(ConfigError, match="65 models and tasks are more"):
        parse(TEXT.partition("models:")[0] + f"models:\n{many}", "test")


def test_each_reason_is_told_once_and_commands_can_be_pasted(tmp_path: Path) -> None:
    text = TEXT.replace("Qwen3-4B-Instruct-2507", "Qwen3-32B")
    done = weigh("place", written(tmp_path, text), cwd=tmp_path)
    assert done.code == 1
    assert done.out.count("Qwen/Qwen3-32B is short by") == 1
    assert "Not placed" not in done.out
    alike = weigh(
        "place", written(tmp_path, TEXT.replace("[{", "[{device: RTX 4090}, {")), cwd=tmp_path
    )
    lines = alike.out.splitlines()
    at = lines.index("# machine 2 (RTX 4090)")
    assert lines[at + 1].startswith("CUDA_VISIBLE_DEVICES=0 vllm serve")
