from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.scenarios import device
from weighbridge.core.errors import InputError
from weighbridge.core.estimate import Parallelism
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.table import (
    Model,
    Scenario,
    engine_name,
    kv_bytes_per_value,
    model,
    parallelism,
    placed,
)

ROW = Scenario("Qwen/Qwen3-32B", "h100_sxm", "vllm", "0.12.0", "", 4096, 1024, 2, 1, 1, 128)


def qwen(quantization: str = "bf16") -> Model:
    built = load().find("Qwen/Qwen3-32B").architecture()
    return model(built.name, built, what_if(quantization, built))


def test_more_users_than_the_cache_holds_wait() -> None:
    found = placed(ROW, qwen(), device("H100 SXM"))
    # 34 GiB of cache per device at 256 KiB a token, of which each of two devices has half.
    assert 45 < found.scene.slots < 75
    assert found.scene.users == 128
    assert found.memory.fits


@pytest.mark.parametrize(
    ("tensor", "copies", "expert", "system", "found"),
    [
        (8, 1, 1, "H200", Parallelism(8, 1, 1, 1)),
        (64, 1, 8, "H200", Parallelism(8, 1, 8, 1)),
        (1, 64, 8, "H200", Parallelism(1, 1, 8, 8)),
        (16, 1, 4, "B200", Parallelism(4, 1, 4, 1)),
        (4, 1, 2, "B200", Parallelism(4, 1, 2, 1)),
        (64, 1, 8, "GB200", Parallelism(64, 1, 8, 1)),
        (0, 0, 0, "H200", Parallelism()),
    ],
)
def test_products_of_tensor_and_expert_parallelism(
    tensor: int, copies: int, expert: int, system: str, found: Parallelism
) -> None:
    row = replace(ROW, tp_size=tensor, attention_dp_size=copies, moe_ep_size=expert)
    read, notes = parallelism(row, device(system))
    assert read == found
    assert bool(notes) == (read.devices != max(tensor, 1) * max(copies, 1))


def test_engines_go_by_several_names() -> None:
    assert engine_name("TensorRT-LLM") == engine_name("trtllm") == "trtllm"
    assert engine_name("ollama") == "llama.cpp"
    with pytest.raises(InputError, match="no engine 'tgi'"):
        engine_name("tgi")


def test_short_checkpoints_of_tensorrt_keep_a_short_cache() -> None:
    assert kv_bytes_per_value("trtllm", qwen("fp8")) == 1
    assert kv_bytes_per_value("trtllm", qwen()) == 2
    assert kv_bytes_per_value("vllm", qwen("fp8")) == 2


def test_a_share_that_leaves_no_room_for_the_weights_is_raised_and_said() -> None:
    """Public runs of DeepSeek-R1 in fp8 on four B200 are such."""
    built = load().find("deepseek-ai/DeepSeek-R1").architecture()
    large = model(built.name, built, what_if("fp8", built))
    row = replace(ROW, backend="sglang", backend_version="0.5.8", tp_size=4, concurrency=4)
    tight = placed(row, large, device("B200"))
    assert tight.memory.fits
    assert tight.settings.utilisation == 0.92
    assert tight.scene.slots >= 4
    (note,) = tight.notes
    assert "--mem-fraction-static 0.92 is assumed" in note
    roomy = placed(replace(row, tp_size=8), large, device("B200"))
    assert roomy.settings.utilisation is None
    assert not roomy.notes
    hopeless = placed(replace(row, tp_size=2), large, device("B200"))
    assert not hopeless.memory.fits
    assert hopeless.settings.utilisation is None
