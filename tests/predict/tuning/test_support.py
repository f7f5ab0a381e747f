from __future__ import annotations

import pytest

from weighbridge.core.tuning import TuningRun
from weighbridge.facts.devices.described import read_machine
from weighbridge.predict.tuning.support import doubts

QLORA, LORA = TuningRun("qlora"), TuningRun("lora")
IN_8_BIT = TuningRun("full", optimizer="paged-8bit", precision="bf16")


@pytest.mark.parametrize(
    ("device", "run", "words"),
    [
        ("T4", LORA, ["no bf16"]),
        ("RTX 2080 Ti", QLORA, ["no bf16"]),
        ("V100 SXM2 32GB", TuningRun("full"), ["no bf16"]),
        ("RTX 3060 12GB", QLORA, []),
        ("A2", QLORA, []),
        ("MI300X", QLORA, []),
        ("Arc B570", QLORA, ["bitsandbytes unknown"]),
        ("Arc B570", IN_8_BIT, ["bitsandbytes unknown"]),
        ("Arc B570", LORA, []),
    ],
)
def test_a_device_is_doubted_for_what_it_lacks(
    device: str, run: TuningRun, words: list[str]
) -> None:
    found = doubts(read_machine(device).device, run)
    assert [one.word for one in found] == words
    assert all(device.partition(" SXM")[0] in one.sentence for one in found)
