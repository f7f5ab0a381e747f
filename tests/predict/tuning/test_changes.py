from __future__ import annotations

from dataclasses import replace

from tests.predict.tuning.shapes import LLAMA_8B, shape
from weighbridge.core.tuning import TuningRun
from weighbridge.core.units import GIB
from weighbridge.predict.tuning.changes import changes
from weighbridge.predict.tuning.memory import tuning_memory

LORA = TuningRun("lora", rank=8, checkpointing=False)


def test_each_change_that_is_told_gives_more_room() -> None:
    room = 23.5 * GIB
    found = changes(shape(LLAMA_8B), LORA, room)
    told = {change.text: change.fits for change in found}
    assert told["--method qlora"] == "perhaps"
    assert told["checkpointing (leave --no-checkpointing out)"] == "perhaps"
    assert "--activation-offload" not in told  # there are no checkpoints to offload
    assert [change.fits for change in found] == sorted(told.values(), key=("yes", "perhaps").index)


def test_of_several_counts_only_the_least_that_suffices_is_told() -> None:
    run = TuningRun("lora", rank=8)
    counts = [
        change.text
        for change in changes(shape(LLAMA_8B), run, 23.5 * GIB)
        if change.text.startswith("--count")
    ]
    assert counts == ["--count 2"]
    halved = tuning_memory(shape(LLAMA_8B), replace(run, devices=2))
    assert halved.fits(23.5 * GIB) == "yes"


def test_more_devices_than_a_server_has_are_told_as_servers() -> None:
    run = TuningRun("lora", devices=8)
    found = changes(shape("deepseek-ai/DeepSeek-R1"), run, 141e9)
    told = {change.text: change.fits for change in found}
    assert told["--count 16 (2 servers of 8)"] == "perhaps"
    assert told["--count 32 (4 servers of 8)"] == "yes"
    assert "--count 64 (8 servers of 8)" not in told


def test_nothing_is_told_where_nothing_helps() -> None:
    assert changes(shape(LLAMA_8B), TuningRun("qlora", rank=8, batch=1), 1 * GIB) == ()
