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
    total = sum(one.share for one in found.servers) * device.memory_bytes / 0.95
    assert device.used_bytes == pytest.approx(total, rel=1e-6)
    for one in found.servers:
        assert f"--gpu-memory-utilization {one.share:.3f}" in one.command
        assert "--max-num-seqs 4" in one.command
    assert any("one after the other" in note for note in found.notes)


def test_more_users_never_take_less_memory(tmp_path: Path) -> None:
    few = plan(written(tmp_path, ONE % ("A100 SXM 80GB", "")))
    many = plan(written(tmp_path, (ONE % ("A100 SXM 80GB", "")).replace("users: 4", "users: 12")))
    used = [sum(one.share for one in found.servers) for found in (few, many)]
    # 8 more sequences of 8192 tokens, 147456 bytes each of either model.
    assert used[1] - used[0] >= 2 * 8 * 8192 * 147456 / (80 * 2**30) * 0.95


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
        (("name: Qwen/Qwen3-8B", "model: Qwen/Qwen3-8B"), "named with `name`, not with `model`"),
        (("device: RTX 4090", "device: 4090"), r"`machines\[0\].device` is a number and should be"),
        (("context: 8k", "context: 8.5k"), "`context: 8.5k` is not a number of tokens"),
    ],
)
def test_a_faulty_file_is_told_with_a_fix(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    text = (ONE % ("RTX 4090", "")).replace(*change)
    with pytest.raises(ConfigError, match=words):
        plan(written(tmp_path, text))


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file is empty"):
        plan(written(tmp_path, "# nothing\n"))


def test_a_wrong_key_elsewhere_is_not_taken_for_a_model(tmp_path: Path) -> None:
    text = (ONE % ("RTX 4090", "")).replace("users: 4", "model: 4")
    with pytest.raises(ConfigError, match="unknown field `model`"):
        plan(written(tmp_path, text))


def test_each_server_of_a_machine_has_a_port_and_a_context_in_binary_thousands(
    tmp_path: Path,
) -> None:
    found = plan(written(tmp_path, ONE % ("A100 SXM 80GB", "")))
    assert [one.port for one in found.servers] == [8000, 8001]
    for one in found.servers:
        assert f"--port {one.port}" in one.command
        assert "--max-model-len 8192" in one.command
        assert one.command.startswith("CUDA_VISIBLE_DEVICES=0 vllm serve Qwen/")
        assert "--quantization" not in one.command


def test_machines_count_their_ports_for_themselves(tmp_path: Path) -> None:
    text = (ONE % ("RTX 4090", "")).replace("[{", "[{device: RTX 4090}, {")
    found = plan(written(tmp_path, text))
    assert {one.site for one in found.servers} == {
        "machine 1 (RTX 4090)",
        "machine 2 (RTX 4090)",
    }
    assert [one.port for one in found.servers] == [8000, 8000]


def test_amd_hides_devices_by_its_own_name(tmp_path: Path) -> None:
    found = plan(written(tmp_path, ONE % ("MI300X", "")))
    assert all(one.command.startswith("HIP_VISIBLE_DEVICES=0 ") for one in found.servers)


def test_vllm_shortens_to_fp8_itself_and_other_formats_need_a_checkpoint(tmp_path: Path) -> None:
    text = ONE % ("A100 SXM 80GB", "")
    short = plan(written(tmp_path, text.replace("[published]", "[fp8]")))
    assert {one.command.partition(" --")[0].split()[-1] for one in short.servers} == {
        "Qwen/Qwen3-8B",
        "Qwen/Qwen3-4B-Instruct-2507",
    }
    assert all(one.command.endswith("--quantization fp8") for one in short.servers)
    shorter = plan(written(tmp_path, text.replace("[published]", "[awq]")))
    for one in shorter.servers:
        assert 'vllm serve "$CHECKPOINT" --port' in one.command
        assert "CHECKPOINT stands for a checkpoint of Qwen/" in one.command
        assert "--quantization" not in one.command


def test_a_card_too_small_for_each_lacks_memory_whatever_its_speed(tmp_path: Path) -> None:
    text = (ONE % ("RTX 4090", "")).replace("Qwen3-4B-Instruct-2507", "Qwen3-32B")
    for old, new in (
        ("8k", "16k"),
        ("users: 4", "users: 8"),
        ("0.1", "2"),
        ("max_replicas: 1", ""),
    ):
        text = text.replace(old, new)
    found = plan(written(tmp_path, text))
    assert [one.fault for one in found.placement.unplaced] == ["memory", "memory"]
    for one in found.placement.unplaced:
        assert "short by" in one.reason
        assert "×" not in one.reason


def test_too_few_users_are_named_and_so_many_are_enough(tmp_path: Path) -> None:
    text = ONE.partition("models:")[0] % "H100 SXM, count: 8"
    text = text.replace("requests_per_s: 0.1", "requests_per_s: 20").replace(
        "max_replicas: 1", "max_replicas: 4"
    )
    text += "models: [{name: Qwen/Qwen3-8B}]"
    found = plan(written(tmp_path, text))
    (left,) = found.placement.unplaced
    assert left.fault == "users"
    assert "held back by `users: 4`" in left.reason
    assert found.placement.reasons == (left.reason,)
    enough = int(left.reason.partition("With `users: ")[2].partition("`")[0])
    for users, fits in ((enough, True), (enough - 1, False)):
        again = plan(written(tmp_path, text.replace("users: 4", f"users: {users}")))
        assert again.placement.feasible is fits


def test_traffic_that_no_number_of_users_makes_possible_is_too_slow(tmp_path: Path) -> None:
    text = ONE.partition("models:")[0] % "RTX 4090"
    text = text.replace("requests_per_s: 0.1", "requests_per_s: 900")
    found = plan(written(tmp_path, f"{text}models: [{{name: Qwen/Qwen3-8B}}]"))
    (left,) = found.placement.unplaced
    assert left.fault == "traffic"
    assert "too slow" in left.reason


def test_models_that_do_not_write_text_are_refused(tmp_path: Path) -> None:
    text = (ONE % ("RTX 4090", "")).replace("Qwen/Qwen3-8B", "Qwen/Qwen3-Embedding-8B")
    with pytest.raises(InputError, match="does not write text"):
        plan(written(tmp_path, text))
