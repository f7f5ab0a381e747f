from __future__ import annotations

import csv
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.loads import HYBRID, LLAMA, OSS, load_of
from tests.shared_data import shared
from weighbridge.facts.devices.catalogue import find
from weighbridge.facts.devices.rows import entries
from weighbridge.predict.llamacpp.coefficients import fitted, half_width
from weighbridge.predict.llamacpp.silicon import silicon
from weighbridge.predict.llamacpp.single_stream import backend_of, decode_s, prefill_s, smooth_max

C = fitted()
DEVICES = [entry.device for entry in entries() if entry.device.memory_bytes]
MODELS = ((LLAMA, "Q4_K_M"), (LLAMA, "bf16"), (OSS, "mxfp4"), (HYBRID, "Q8_0"))


def token(device: str, model: str = LLAMA, form: str = "Q4_K_M", *, devices: int = 1,
          context: float = 512, sequences: float = 1, version: str = "") -> float:  # fmt: skip
    of, load = find(device).device, load_of(model, form)
    cache = sequences * load.cache_bytes(context)
    backend = backend_of(of, version)
    return decode_s(silicon(of), load, cache, C.decode,
                    backend=backend, devices=devices, sequences=sequences)  # fmt: skip


def prompt(device: str, tokens: float, *, devices: int = 1, form: str = "Q4_K_M") -> float:
    of = find(device).device
    found = prefill_s(silicon(of), load_of(LLAMA, form), tokens, C.prefill,
                      backend=backend_of(of), devices=devices)  # fmt: skip
    assert found is not None
    return found


def test_public_measurements_of_a_card_are_met() -> None:
    """XiongjieDai's Llama-3-8B Q4_K_M, written 1024 tokens (llama.cpp of May 2024)."""
    with shared("data", "perf", "llamacpp_xiongjiedai.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["metric"] == "decode_tps"]
    checked = 0
    for name in ("3090", "4090", "A6000"):
        rate = next(
            float(r["value"]) for r in rows
            if name in r["hardware"] and r["gpu_count"] == "1" and "8B" in r["model"]
            and r["quant"] == "Q4_K_M"
        )  # fmt: skip
        assert 1 / token(f"RTX {name}", version="b2900") == pytest.approx(rate, rel=0.08)
        checked += 1
    assert checked == 3


@pytest.mark.parametrize(("model", "form"), MODELS)
def test_no_token_is_faster_than_the_memory_on_paper(model: str, form: str) -> None:
    load = load_of(model, form)
    least = load.dense_bytes + load.expert_bytes * load.expert_share + load.cache_bytes(512)
    for device in DEVICES:
        seconds = decode_s(silicon(device), load, load.cache_bytes(512), C.decode,
                           backend=backend_of(device))  # fmt: skip
        assert seconds >= least / device.bandwidth_bytes_per_s, device.name


@pytest.mark.parametrize("form", ["Q4_K_M", "bf16"])
def test_no_prompt_is_faster_than_the_rates_on_paper(form: str) -> None:
    load = load_of(LLAMA, form)
    for device in DEVICES:
        chip = silicon(device)
        seconds = prefill_s(chip, load, 2048, C.prefill, backend=backend_of(device))
        # A processor multiplies short integers up to twice as fast as the fp32 that is noted.
        fastest = (chip.matrix_rate or 0) * (2 if chip.vendor == "CPU" else 1.1)
        assert (seconds is None) == (chip.matrix_rate is None)
        if seconds is not None:
            assert seconds >= 2 * load.dense_weights * 2048 / fastest, device.name


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.sampled_from(MODELS))
def test_more_context_and_longer_prompts_take_longer(a: int, b: int, of: tuple[str, str]) -> None:
    less, more = sorted((a, b))
    assert token("RTX 4090", *of, context=less) <= token("RTX 4090", *of, context=more)
    assert prompt("RTX 4090", less) <= prompt("RTX 4090", more)


def test_formats_with_fewer_bits_and_more_sequences() -> None:
    speeds = [token("RTX 3090", form=form) for form in ("Q4_K_M", "Q8_0", "bf16")]
    assert speeds == sorted(speeds)
    assert token("RTX 3090") < token("RTX 3090", sequences=4) < 4 * token("RTX 3090")
    assert token("RTX 3090", OSS, "mxfp4", sequences=8) > 2 * token("RTX 3090", OSS, "mxfp4")


def test_devices_take_turns_in_decoding_and_overlap_in_prompts() -> None:
    assert token("RTX 4090", devices=4) > token("RTX 4090")
    assert prompt("RTX 4090", 4096, devices=4) < prompt("RTX 4090", 4096)
    assert prompt("RTX 4090", 512, devices=4) == pytest.approx(prompt("RTX 4090", 512))


def test_backends_follow_the_device_and_the_build() -> None:
    names = ("RTX 4090", "M3 Max 40-core 64GB", "RX 7900 XTX", "Arc B580", "Ryzen 9 7950X")
    assert [backend_of(find(name).device) for name in names] == [
        "cuda", "metal", "vulkan", "vulkan", "cpu",
    ]  # fmt: skip
    four = find("RTX 4090").device
    assert [backend_of(four, v) for v in ("b2900", "b6100", "0.9.1", "2900")] == [
        "cuda-2024", "cuda", "cuda", "cuda-2024",
    ]  # fmt: skip
    assert token("RTX 4090", version="b2900") > token("RTX 4090")


def test_a_smooth_maximum_is_above_both() -> None:
    assert smooth_max(3.0, 4.0, 2) == pytest.approx(5.0)
    assert smooth_max(1.0, 0.0, 4) == 1.0
    assert smooth_max(0.0, 0.0, 4) == 0.0


def test_intervals_are_wider_where_nobody_measured() -> None:
    spread = C.decode_spread
    known = half_width(spread, "NVIDIA", experts=False, setting="bench")
    unknown = half_width(spread, "unmeasured", experts=False, setting="bench")
    assert unknown > known
    assert unknown == pytest.approx(1.5 * spread["bench/other"])
    assert half_width(spread, "NVIDIA", experts=False, setting="field") > known


def test_the_shipped_numbers_are_plausible() -> None:
    d, p = C.decode, C.prefill
    assert all(0.4 < share <= 1.0 for share in d.efficiency.values())
    assert all(share <= 1.0 for name, share in p.efficiency.items() if name != "CPU")
    assert all(reads >= 1.0 for reads in d.cache.values())
    assert all(0 <= overlap <= 1 for overlap in p.overlap.values())
    assert all(math.isfinite(w) and 0 < w < 1 for w in C.decode_spread.values())
    assert "llama.cpp" in C.source
    assert C.date >= "2026"
