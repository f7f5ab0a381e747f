from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.predict.tuning.shapes import KINDS, LLAMA_3B, LLAMA_8B, LLAMA_70B, QWEN_14B, shape
from weighbridge.core.errors import InputError
from weighbridge.core.tuning import LOSSES, METHODS, OPTIMIZERS, PRECISIONS, TuningRun
from weighbridge.core.units import GIB
from weighbridge.predict.tuning.memory import NF4_BYTES, tuning_memory

LORA = TuningRun("lora", rank=8)
QLORA = TuningRun("qlora", rank=8)
FULL = TuningRun("full", precision="bf16", sequence=4096)
IN_BACKWARD = replace(FULL, optimizer_in_backward=True)


def active(name: str, run: TuningRun) -> float:
    return tuning_memory(shape(name), run).active.value / GIB


def parts(name: str, run: TuningRun) -> dict[str, float]:
    return {part.name: part.bytes.value for part in tuning_memory(shape(name), run).parts}


def test_nf4_with_double_quantization_takes_0_516_bytes() -> None:
    assert round(NF4_BYTES, 3) == 0.516


def test_parts_of_qlora_are_those_of_arithmetic() -> None:
    found = parts(LLAMA_8B, QLORA)
    assert found["weights"] == 6_979_321_856 * NF4_BYTES + 1_050_939_392 * 2
    assert found["adapters"] == 20_971_520 * 4
    assert found["optimizer states"] == 20_971_520 * 8
    assert found["checkpoints"] == GIB  # 2048 × 2 tokens × 4096 × 32 layers × 2 bytes
    assert found["logits"] == 4096 * 128_256 * 2.5
    assert found["CUDA context"] == 0.8 * GIB


# Published peaks, and how far we are off each: torchtune's tables, and those of the formula whose
# terms are added up whatever the moment (7.66, 17.2, 32.7 and so on).
@pytest.mark.parametrize(
    ("name", "run", "measured", "ours"),
    [
        (LLAMA_8B, QLORA, 7.4, 7.77),
        (LLAMA_8B, LORA, 16.2, 17.42),
        (LLAMA_8B, replace(LORA, checkpointing=False), 30.3, 33.42),
        (LLAMA_3B, replace(LORA, sequence=4096, activation_offload=True), 8.5, 8.57),
        (LLAMA_3B, replace(QLORA, sequence=4096, activation_offload=True), 4.6, 4.67),
        (LLAMA_3B, FULL, 24.9, 25.36),
        (LLAMA_3B, IN_BACKWARD, 23.1, 22.45),
        (LLAMA_3B, replace(IN_BACKWARD, activation_offload=True), 21.8, 21.13),
        (
            LLAMA_3B,
            replace(IN_BACKWARD, activation_offload=True, optimizer="adamw-8bit"),
            17.6,
            17.11,
        ),
        (LLAMA_70B, replace(LORA, rank=16, devices=8), 27.6, 30.04),
        (LLAMA_70B, TuningRun("qlora", rank=16, sequence=1024, batch=1), 38.2, 41.07),
    ],
)
def test_published_peaks_are_met(name: str, run: TuningRun, measured: float, ours: float) -> None:
    found = active(name, run)
    assert round(found, 2) == ours
    assert found / measured == pytest.approx(1.0, abs=0.105)


def test_a_vendors_minimum_below_the_bare_weights_is_not_believed() -> None:
    # 8.5 GB are said to do for a 14B in 4 bits; its weights with 16-bit embeddings are more.
    found = parts(QWEN_14B, replace(QLORA, rank=16, batch=1))
    assert round(found["weights"] / GIB, 2) == 9.25
    assert found["weights"] > 8.5e9


def test_full_fine_tuning_takes_16_bytes_per_weight_or_8_in_bf16() -> None:
    weights = shape(LLAMA_3B).trainable
    for precision, each in (("mixed", 16), ("bf16", 8)):
        run = TuningRun("full", precision=precision, batch=1, sequence=16)  # type: ignore[arg-type]
        found = tuning_memory(shape(LLAMA_3B), run)
        assert found.moment == "last backward layer"
        assert found.active.value == pytest.approx(weights * each, rel=0.12)


def test_the_fullest_moment_moves_from_the_gradients_to_the_logits() -> None:
    assert tuning_memory(shape(LLAMA_3B), FULL).moment == "last backward layer"
    assert tuning_memory(shape(LLAMA_3B), IN_BACKWARD).moment == "loss"
    eight = replace(IN_BACKWARD, activation_offload=True, optimizer="adamw-8bit")
    assert tuning_memory(shape(LLAMA_3B), eight).moment == "optimizer step"


def test_the_parts_add_up() -> None:
    found = tuning_memory(shape(LLAMA_8B), LORA)
    assert sum(part.bytes.value for part in found.parts) == pytest.approx(found.total.value)
    assert found.active.low < found.active.value < found.active.high
    assert found.total.low < found.total.value < found.total.high


def test_a_device_fits_if_the_whole_interval_does() -> None:
    total = tuning_memory(shape(LLAMA_8B), LORA)
    assert total.fits(total.total.high) == "yes"
    assert total.fits(total.total.high - 1) == "perhaps"
    assert total.fits(total.total.low - 1) == "no"


def test_experts_carry_adapters_only_on_request() -> None:
    name = "openai/gpt-oss-20b"
    alone = tuning_memory(shape(name), LORA)
    both = tuning_memory(shape(name), replace(LORA, expert_adapters=True))
    assert "routed experts" in alone.untouched
    assert "routed experts" not in both.untouched
    assert both.trained - alone.trained == 8 * shape(name).expert_adapters


def test_nothing_is_untouched_in_full_fine_tuning() -> None:
    found = tuning_memory(shape("openai/gpt-oss-20b"), replace(FULL, devices=8))
    assert found.untouched == ()
    assert found.trained == shape("openai/gpt-oss-20b").trainable


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (replace(LORA, optimizer_in_backward=True), "full fine-tuning only"),
        (replace(LORA, weights_offload=True), "needs several devices"),
        (replace(LORA, optimizer="paged-8bit", devices=2), "a single device"),
        (replace(LORA, checkpointing=False, activation_offload=True), "there are none"),
    ],
)
def test_contradictions_are_refused(run: TuningRun, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tuning_memory(shape(LLAMA_8B), run)


@st.composite
def runs(draw: st.DrawFn) -> TuningRun:
    method = draw(st.sampled_from(METHODS))
    checkpointing = draw(st.booleans())
    devices = draw(st.sampled_from((1, 2, 8)))
    optimizers = OPTIMIZERS if devices == 1 else OPTIMIZERS[:2]
    return TuningRun(
        method,
        rank=draw(st.integers(1, 256)),
        sequence=draw(st.integers(1, 200_000)),
        batch=draw(st.integers(1, 64)),
        optimizer=draw(st.sampled_from(optimizers)),
        optimizer_in_backward=method == "full" and draw(st.booleans()),
        precision=draw(st.sampled_from(PRECISIONS)) if method == "full" else "mixed",
        loss=draw(st.sampled_from(LOSSES)),
        checkpointing=checkpointing,
        activation_offload=checkpointing and draw(st.booleans()),
        weights_offload=devices > 1 and draw(st.booleans()),
        compiled=draw(st.booleans()),
        expert_adapters=draw(st.booleans()),
        devices=devices,
        padded=draw(st.none() | st.integers(1, 200_000)),
    )


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KINDS), runs(), st.sampled_from(("sequence", "batch", "rank")))
def test_more_of_anything_never_takes_less(name: str, run: TuningRun, what: str) -> None:
    more = replace(run, **{what: getattr(run, what) * 2})
    less, then = tuning_memory(shape(name), run), tuning_memory(shape(name), more)
    assert then.total.value >= less.total.value
    assert then.total.low >= less.total.low
    assert then.total.high >= less.total.high
    assert all(part.bytes.low <= part.bytes.value <= part.bytes.high for part in then.parts)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(KINDS), runs())
def test_what_saves_memory_never_costs_any(name: str, run: TuningRun) -> None:
    total = tuning_memory(shape(name), run).total.value
    if run.loss != "fused":
        assert tuning_memory(shape(name), replace(run, loss="fused")).total.value <= total
    if run.checkpointing:
        assert (
            tuning_memory(shape(name), replace(run, activation_offload=True)).total.value <= total
        )


def test_unpacked_examples_take_their_own_length_and_perhaps_a_whole_sequence() -> None:
    # torchtune's baseline: unpacked instructions, a limit of 4,096 tokens, 25.5 GiB measured.
    base = replace(FULL, loss="full", checkpointing=False, compiled=False)
    usual = tuning_memory(shape(LLAMA_3B), replace(base, padded=300))
    short = tuning_memory(shape(LLAMA_3B), replace(base, sequence=300))
    whole = tuning_memory(shape(LLAMA_3B), base)
    assert usual.active.value / GIB == pytest.approx(25.5, rel=0.05)
    assert (usual.active.value, usual.total.low) == (short.active.value, short.total.low)
    assert (usual.active.high, usual.total.high) == (whole.active.high, whole.total.high)
    # No example is longer than a sequence.
    assert tuning_memory(shape(LLAMA_3B), replace(base, padded=9999)).total == whole.total


def test_adapters_have_no_precision_of_their_own() -> None:
    with pytest.raises(InputError, match="choice of full fine-tuning"):
        tuning_memory(shape(LLAMA_3B), replace(QLORA, precision="bf16"))
