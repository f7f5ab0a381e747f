from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.core.errors import InputError
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.traffic.presets import PRESETS, Preset, preset
from weighbridge.measure.load.traffic.workload import conversations, from_preset

DOCUMENT = Path(__file__).parents[3] / "docs/workloads.md"
every_preset = pytest.mark.parametrize("known", PRESETS.values(), ids=PRESETS)


@every_preset
def test_presets_are_found_by_name_and_say_where_their_numbers_come_from(known: Preset) -> None:
    assert preset(f" {known.name.upper()} ") is known
    assert len(known.source) > 40
    # What is not counted by somebody must not look as if it were.
    assert known.basis == "catalogue" or "ssumed" in known.source
    assert 0 <= known.prefix_share < 1


@every_preset
def test_presets_send_about_what_they_state(known: Preset) -> None:
    sent = conversations(from_preset(known), LoadShape("closed", 8), 400, tokens_per_word=1.0)
    turns = [turn for one in sent for turn in one.turns]
    assert len(turns) == 400
    words = [len(one.turns[0].messages[-1].content.split()) for one in sent]
    assert sum(words) / len(words) == pytest.approx(known.prompt.mean, rel=0.05)
    answers = sum(turn.max_tokens for turn in turns) / len(turns)
    assert answers == pytest.approx(known.output.mean, rel=0.05)


def test_the_agent_preset_has_prompts_as_long_as_its_source_says() -> None:
    sent = conversations(
        from_preset(PRESETS["agent"]), LoadShape("closed", 8), 4000, tokens_per_word=1.0
    )
    lengths = []
    for one in sent:
        length = 0
        for turn in one.turns:
            length += sum(len(message.content.split()) for message in turn.messages)
            lengths.append(length)
            length += turn.max_tokens
    assert sum(lengths) / len(lengths) == pytest.approx(8596, rel=0.05)


def test_a_slip_of_the_finger_is_understood() -> None:
    with pytest.raises(InputError, match="Did you mean summarise"):
        preset("summarize")
    with pytest.raises(InputError, match=r"Choose one of chat, "):
        preset("")


@every_preset
def test_the_documents_table_is_as_the_code_has_it(known: Preset) -> None:
    row = next(
        line
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{known.name}` |")
    )
    for text in (known.about, str(known.prompt), str(known.output), known.source):
        assert text in row
