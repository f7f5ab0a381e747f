from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from tests.predict.models import H100, settings
from weighbridge.core.estimate import MemoryUse, Shortage
from weighbridge.core.provenance import Interval
from weighbridge.core.units import GIB
from weighbridge.predict.memory.engine_defaults import (
    Batch,
    batch,
    fullest_share,
    raised,
    static_share,
)


@pytest.mark.parametrize(
    ("version", "gib", "device", "expected"),
    [
        ("0.19.0", 79.19, "H100", Batch(8192, 1024)),
        ("0.19.0", 79.25, "A100 80GB", Batch(2048, 256)),
        ("0.11.0", 44.42, "L40S", Batch(2048, 256)),
        ("0.8.5", 79.19, "H100", Batch(8192, 256)),
        ("0.7", 31.74, "V100", Batch(8192, 256)),
        ("", 79.19, "H100", Batch(8192, 1024)),
    ],
)
def test_vllm_chooses_by_version_and_device(
    version: str, gib: float, device: str, expected: Batch
) -> None:
    assert batch(settings(version), gib * GIB, device) == expected


def test_the_user_is_heard_and_a_step_has_no_more_sequences_than_tokens() -> None:
    told = replace(settings(), max_num_batched_tokens=512)
    assert batch(told, H100) == Batch(512, 512)
    assert batch(replace(told, max_num_seqs=16), H100) == Batch(512, 16)


def test_sglang_reserves_for_prefill_graphs_and_peers() -> None:
    # 512 + 8192 × 1.5 + 512 × 2 + 8 / 8 × 1024 MiB of 80 GiB.
    told = settings("", engine="sglang", tensor=8)
    assert static_share(told, 80 * GIB) == pytest.approx((81920 - 14848) / 81920)
    assert static_share(replace(told, utilisation=0.7), 80 * GIB) == 0.7


def test_the_fullest_share_is_above_what_the_engine_takes_by_itself() -> None:
    sglang = settings("", engine="sglang", tensor=4)
    assert fullest_share(sglang, 80 * GIB) == 0.92
    assert fullest_share(sglang, 1000 * GIB) is None, "its default is higher there"
    assert fullest_share(replace(sglang, utilisation=0.95), 80 * GIB) is None
    assert fullest_share(settings(), 80 * GIB) == 0.95
    assert fullest_share(settings("", engine="llama.cpp"), 80 * GIB) is None


@pytest.mark.parametrize("of", ["weights", "sequence", "users"])
def test_the_share_is_raised_only_where_the_engine_would_not_start(
    of: Literal["weights", "sequence", "users"],
) -> None:
    nothing = Interval(0, 0, 0, 0.8)
    use = MemoryUse(H100, nothing, nothing, nothing, nothing, nothing, shortage=Shortage(1.0, of))
    sglang = settings("", engine="sglang", tensor=4)
    found = raised(sglang, use, 80 * GIB)
    assert found == (None if of == "users" else replace(sglang, utilisation=0.92))
    assert raised(replace(sglang, utilisation=0.5), use, 80 * GIB) is None
    assert raised(settings("", engine="trtllm"), use, 80 * GIB) is None
