from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import weigh
from weighbridge.core.errors import ConfigError, InputError
from weighbridge.verbs.place import plan, to_json

EXAMPLE = Path(__file__).parents[2] / "docs/placement.yaml"
ONE = """
machines: [{device: %s}]
context: 8k
prompt_tokens: 1000
output_tokens: 200
users: 4
requests_per_s: 0.1
formats: [published]
max_replicas: 1
models:
  - {name: Qwen/Qwen3-8B, quality: 0.7}
  - {name: Qwen/Qwen3-4B-Instruct-2507, quality: 0.5%s}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "placement.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_two_models_share_a_card_that_has_room_for_both(tmp_path: Path) -> None:
    found = plan(written(tmp_path, ONE % ("A100 SXM 80GB", "")))
    assert found.placement.feasible
    assert {one.devices for one in found.servers} == {(0,)}
    assert sum(one.share for one in found.servers) < 1
    device = found.placement.devices[0]
    total = sum(one.share for one in found.servers) * (device.memory_bytes + 512 * 2**20)
    assert device.used_bytes == pytest.approx(total, rel=1e-6)
    for one in found.servers:
        assert f"--gpu-memory-utilization {one.share:.3f}" in one.command
        assert "--max-num-seqs 4" in one.command
    assert any("one after the other" in note for note in found.notes)


def test_more_users_never_take_less_memory(tmp_path: Path) -> None:
    few = plan(written(tmp_path, ONE % ("A100 SXM 80GB", "")))
    many = plan(written(tmp_path, (ONE % ("A100 SXM 80GB", "")).replace("users: 4", "users: 12")))
    used = [sum(one.share for one in found.servers) for found in (few, many)]
    # 8 more sequences of 8000 tokens, 147456 bytes each of either model.
    assert used[1] - used[0] >= 2 * 8 * 8000 * 147456 / (80 * 2**30) * 0.95


def test_one_server_for_two_tasks_counts_its_weights_once(tmp_path: Path) -> None:
    text = ONE.partition("models:")[0] % "RTX 5090"
    task = "{name: %s, candidates: [{model: Qwen/Qwen3-8B, quality: 0.7}]}"
    found = plan(written(tmp_path, f"{text}tasks: [{task % 'a'}, {task % 'b'}]"))
    assert found.placement.feasible
    assert [one.serves for one in found.servers] == [("a", "b")]
    assert "--max-num-seqs 8" in found.servers[0].command
    assert 0.7 < found.servers[0].share < 1


def test_a_card_too_small_is_short_by_so_much_and_one_of_them_fits(tmp_path: Path) -> None:
    done = weigh("place", written(tmp_path, ONE % ("RTX 4090", "")), cwd=tmp_path)
    assert done.code == 1
    assert "Memory is at fault: all together are short by" in done.out
    assert "on GPU 0" in done.out
    assert "The nearest feasible set is: Qwen/Qwen3-8B." in done.out


def test_what_is_not_required_is_left_out(tmp_path: Path) -> None:
    found = plan(written(tmp_path, ONE % ("RTX 4090", ", required: false")))
    assert found.placement.feasible
    assert [one.wanted for one in found.placement.unplaced] == ["Qwen/Qwen3-4B-Instruct-2507"]
    assert found.placement.unplaced[0].fault == "memory"


def test_without_quality_larger_is_better_and_that_is_said(tmp_path: Path) -> None:
    text = (ONE % ("RTX 4090", ", required: false")).replace("quality: 0.7", "required: false")
    found = plan(written(tmp_path, text.replace("quality: 0.5, ", "")))
    assert [one.wanted for one in found.placement.placed] == ["Qwen/Qwen3-8B"]
    assert any("assumed" in note for note in found.notes)


def test_the_example_is_placed_and_its_json_is_whole(tmp_path: Path) -> None:
    done = weigh("place", EXAMPLE, "--json", cwd=tmp_path)
    assert done.code == 0
    document = json.loads(done.out)
    assert document["feasible"]
    assert document["provenance"]["kind"] == "predicted"
    placed = {one["wanted"] for one in document["placed"]}
    assert {"code", "extraction"} <= placed
    for device in document["devices"]:
        assert device["free_bytes"] == device["memory_bytes"] - device["used_bytes"] >= 0
        assert device["load"] <= 0.8 + 1e-9
    assert document == json.loads(json.dumps(to_json(plan(EXAMPLE))))


def test_the_table_shows_every_device_and_what_lies_there(tmp_path: Path) -> None:
    done = weigh("place", EXAMPLE, cwd=tmp_path)
    assert done.code == 0
    assert "code" in done.out
    assert "█" in done.out
    assert "vllm serve" in done.out
    assert "Note:" in done.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("users: 4", "user: 4"), "Did you mean `users`"),
        (("context: 8k", ""), "nothing says `context`"),
        (("context: 8k", "context: 1100"), "Set `context` to 1200"),
        (("users: 4", "users: 0"), "`users` must be at least 1"),
        (("quality: 0.7", "required: true"), "not of Qwen/Qwen3-8B"),
        (("0.1", "-1"), "requests_per_s"),
        (("machines: [{device: RTX 4090}]", "machines: []"), "`machines` is empty"),
    ],
)
def test_a_faulty_file_is_told_with_a_fix(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    text = (ONE % ("RTX 4090", "")).replace(*change)
    with pytest.raises(ConfigError, match=words):
        plan(written(tmp_path, text))


def test_models_that_do_not_write_text_are_refused(tmp_path: Path) -> None:
    text = (ONE % ("RTX 4090", "")).replace("Qwen/Qwen3-8B", "Qwen/Qwen3-Embedding-8B")
    with pytest.raises(InputError, match="does not write text"):
        plan(written(tmp_path, text))
