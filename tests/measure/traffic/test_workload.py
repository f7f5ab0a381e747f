from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.traffic import Conversation, LoadShape
from weighbridge.measure.load.traffic.lengths import fixed, parse_lengths
from weighbridge.measure.load.traffic.presets import PRESETS
from weighbridge.measure.load.traffic.tokens import TokenCounter
from weighbridge.measure.load.traffic.workload import (
    WorkloadSpec,
    as_replayed,
    conversations,
    describe,
    from_preset,
)

CLOSED = LoadShape("closed", 8)
BY_WORDS = TokenCounter("words", lambda text: len(text.split()))


def prompts(sent: Sequence[Conversation]) -> list[str]:
    return [turn.messages[-1].content for one in sent for turn in one.turns]


def trace(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "trace.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def mooncake(at_ms: int, tokens: int, blocks: list[int]) -> dict[str, Any]:
    return {"timestamp": at_ms, "input_length": tokens, "output_length": 9, "hash_ids": blocks}


@given(
    st.sampled_from([WorkloadSpec(), *map(from_preset, PRESETS.values())]),
    st.sampled_from([CLOSED, LoadShape("open", rate=7), LoadShape("ramp", rate=7)]),
    st.integers(1, 40),
    st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_there_are_as_many_requests_as_asked_for_and_none_begin_alike(
    spec: WorkloadSpec, shape: LoadShape, count: int, seed: int
) -> None:
    spec = dataclasses.replace(spec, seed=seed)
    sent = conversations(spec, shape, count)
    assert sent == conversations(spec, shape, count)
    assert sum(len(one.turns) for one in sent) == count
    assert len(set(prompts(sent))) == count
    due = [one.due_s for one in sent]
    if shape.kind == "closed":
        assert set(due) == {None}
    else:
        assert due == sorted(due, key=lambda at: at or 0.0)
        assert due[0] == 0


def test_an_open_loops_rate_counts_requests_of_all_turns() -> None:
    spec = WorkloadSpec(prompt=fixed(20), turns=fixed(4), pause_s=3)
    sent = conversations(spec, LoadShape("open", rate=8, arrivals="constant"), 400)
    assert [one.due_s for one in sent[:3]] == [0, 0.5, 1]
    assert [turn.pause_s for turn in sent[0].turns] == [0, 3, 3, 3]


def test_another_salt_sends_other_texts_of_the_same_lengths_at_the_same_times() -> None:
    for spec in (WorkloadSpec(), from_preset(PRESETS["rag"])):
        one, other = (
            conversations(dataclasses.replace(spec, salt=salt), LoadShape("open", rate=5), 50)
            for salt in ("a", "b")
        )
        assert [c.due_s for c in one] == [c.due_s for c in other]
        assert [c.turns[0].max_tokens for c in one] == [c.turns[0].max_tokens for c in other]
        beginnings = [{text[:12] for text in prompts(sent)} for sent in (one, other)]
        assert not beginnings[0] & beginnings[1]


def test_a_shared_prefix_is_shared_within_its_group() -> None:
    spec = WorkloadSpec(prompt=fixed(50), shared_prefix=100, prefix_groups=2)
    sent = conversations(spec, CLOSED, 6, counter=BY_WORDS)
    prefixes = [one.turns[0].messages[0] for one in sent]
    assert {message.role for message in prefixes} == {"system"}
    assert prefixes[0] is prefixes[2] is prefixes[4]
    assert prefixes[1] is prefixes[3]
    assert prefixes[0].content[:20] != prefixes[1].content[:20]
    assert len(prefixes[0].content.split()) == 100
    assert [one.turns[0].prompt_tokens for one in sent] == [150] * 6
    spoken = conversations(
        dataclasses.replace(spec, prefix_role="user", prefix_groups=1), CLOSED, 6, counter=BY_WORDS
    )
    assert all(len(one.turns[0].messages) == 1 for one in spoken)
    words = [text.split() for text in prompts(spoken)]
    assert all(text[:100] == words[0][:100] for text in words)
    assert len({tuple(text[100:104]) for text in words}) == 6
    assert [one.turns[0].prompt_tokens for one in spoken] == [150] * 6


def test_ratio_and_overhead_make_the_server_count_what_was_asked_for() -> None:
    spec = WorkloadSpec(prompt=parse_lengths("uniform:100-900"))
    sent = conversations(spec, CLOSED, 200, tokens_per_word=1.25, overhead=30)
    served = [len(text.split()) * 1.25 + 30 for text in prompts(sent)]
    assert sum(served) / 200 == pytest.approx(500, rel=0.005)
    assert min(served) >= 99
    assert max(served) <= 901


def test_the_users_cap_on_answers_holds() -> None:
    spec = dataclasses.replace(from_preset(PRESETS["chat"]), max_tokens=100)
    answers = [t.max_tokens for one in conversations(spec, CLOSED, 100) for t in one.turns]
    assert max(answers) == 100
    assert min(answers) < 100
    assert conversations(WorkloadSpec(max_tokens=7), CLOSED, 1)[0].turns[0].max_tokens == 7


def test_a_dataset_begins_anew_and_its_answers_are_as_long_as_recorded(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    rows = [
        {"prompt": "short", "output_tokens": 5},
        {
            "conversations": [
                {"from": "human", "value": "Hi"},
                {"from": "gpt", "value": "one two three"},
                {"from": "human", "value": "And?"},
            ]
        },
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    spec = WorkloadSpec(dataset=path, pause_s=2)
    sent = conversations(spec, CLOSED, 5, tokens_per_word=2.0)
    assert prompts(sent) == ["short", "Hi", "And?", "short", "Hi"]
    turns = [turn for one in sent for turn in one.turns]
    assert [turn.max_tokens for turn in turns] == [5, 6, 64, 5, 6]
    assert [turn.pause_s for turn in turns] == [0, 0, 2, 0, 0]
    assert len(prompts(conversations(spec, CLOSED, None))) == 3
    counted = conversations(spec, CLOSED, 3, counter=BY_WORDS)
    assert [t.max_tokens for one in counted for t in one.turns] == [5, 3, 64]
    assert [t.prompt_tokens for one in counted for t in one.turns] == [1, 1, 1]
    drawn = dataclasses.replace(spec, output=fixed(11), max_tokens=10)
    assert {t.max_tokens for one in conversations(drawn, CLOSED, 5) for t in one.turns} == {10}


def test_cache_busting_puts_other_words_before_recorded_prompts(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("same\n")
    spec = WorkloadSpec(dataset=path, bust_cache=True)
    sent = conversations(spec, CLOSED, 50, counter=BY_WORDS)
    assert len({text[:8] for text in prompts(sent)}) == 50
    assert all(text.endswith("] same") for text in prompts(sent))
    assert sent[0].turns[0].prompt_tokens == 2


def test_a_dataset_with_times_is_replayed_in_order(tmp_path: Path) -> None:
    path = tmp_path / "captured.jsonl"
    rows = [{"prompt": text, "timestamp": at} for text, at in (("b", 104.0), ("a", 100.0))]
    path.write_text("\n".join(map(json.dumps, rows)))
    sent = conversations(WorkloadSpec(dataset=path), LoadShape("replay", speed=2), 10)
    assert [(one.due_s, *prompts([one])) for one in sent] == [(0, "a"), (2, "b")]
    path.write_text('{"prompt": "a"}')
    with pytest.raises(FormatError, match="line 1 has no timestamp"):
        conversations(WorkloadSpec(dataset=path), LoadShape("replay"), 10)


def test_a_trace_is_replayed_with_its_lengths_times_and_shared_blocks(tmp_path: Path) -> None:
    rows = [mooncake(0, 1100, [0, 1, 2]), mooncake(500, 1300, [0, 1, 3]), mooncake(2000, 70, [4])]
    spec = WorkloadSpec(trace=trace(tmp_path, rows))
    shape = LoadShape("replay", speed=4)
    sent = conversations(spec, shape, None, counter=BY_WORDS)
    assert [one.due_s for one in sent] == [0, 0.125, 0.5]
    assert [one.turns[0].prompt_tokens for one in sent] == [1100, 1300, 70]
    first, second, third = (text.split() for text in prompts(sent))
    assert first[:1024] == second[:1024]
    assert first[1024:1028] != second[1024:1028]
    assert third[:4] != first[:4]
    assert {one.turns[0].max_tokens for one in sent} == {9}
    replayed = as_replayed(shape, sent)
    assert replayed.rate == pytest.approx(4)
    assert str(replayed) == "trace, 4/s"
    # The same lengths, but at a rate of our own.
    even = conversations(spec, LoadShape("open", rate=10, arrivals="constant"), 2)
    assert [one.due_s for one in even] == [0, 0.1]


def test_other_block_sizes_are_found_out_and_contradictions_refused(tmp_path: Path) -> None:
    rows = [mooncake(0, 60, [0, 1, 2, 3]), mooncake(1, 50, [0, 1, 2, 4])]
    sent = conversations(
        WorkloadSpec(trace=trace(tmp_path, rows)), LoadShape("replay"), None, counter=BY_WORDS
    )
    first, second = (text.split() for text in prompts(sent))
    assert first[:48] == second[:48]
    assert first[48:] != second[48:]
    assert (len(first), len(second)) == (60, 50)
    path = trace(tmp_path, [mooncake(0, 6000, [0, 1]), mooncake(1, 20, [0, 1, 2])])
    with pytest.raises(FormatError, match="hash_ids"):
        conversations(WorkloadSpec(trace=path), LoadShape("replay"), None)


def test_windows_of_a_trace(tmp_path: Path) -> None:
    path = trace(tmp_path, [mooncake(1000 * i, 20, [i]) for i in range(10)])
    spec = WorkloadSpec(trace=path, trace_start_s=3, trace_duration_s=4)
    sent = conversations(spec, LoadShape("replay"), None)
    assert [one.due_s for one in sent] == [0, 1, 2, 3]
    assert "from 3 s for 4 s" in describe(spec)
    assert as_replayed(LoadShape("replay"), sent[:1]).rate == math.inf


@pytest.mark.parametrize(
    ("spec", "shape", "count", "says"),
    [
        (WorkloadSpec(prompt=fixed(5), trace=Path("t")), CLOSED, 5, "prompt lengths and a trace"),
        (WorkloadSpec(shared_prefix=5), CLOSED, 5, "needs synthetic prompts"),
        (WorkloadSpec(max_tokens=0), CLOSED, 5, "The longest answer is 0"),
        (WorkloadSpec(prefix_groups=0), CLOSED, 5, "prefix groups is 0"),
        (WorkloadSpec(pause_s=-1), CLOSED, 5, "pause of -1"),
        (WorkloadSpec(), LoadShape("replay"), 5, "Only a trace"),
        (WorkloadSpec(), CLOSED, None, "never end"),
        (WorkloadSpec(prompt=fixed(10_000_000)), CLOSED, 50, "500,000,000 tokens together"),
        (WorkloadSpec(), LoadShape("open", rate=0), 5, "never arrive"),
    ],
)
def test_what_cannot_be_sent_is_refused(
    spec: WorkloadSpec, shape: LoadShape, count: int | None, says: str
) -> None:
    with pytest.raises(InputError, match=says) as caught:
        conversations(spec, shape, count)
    assert caught.value.fix


def test_a_replay_needs_a_possible_speed(tmp_path: Path) -> None:
    path = trace(tmp_path, [mooncake(0, 20, [1])])
    with pytest.raises(InputError, match="0 times its speed"):
        conversations(WorkloadSpec(trace=path), LoadShape("replay", speed=0), None)


def test_descriptions_say_what_is_sent() -> None:
    chat = describe(dataclasses.replace(from_preset(PRESETS["chat"]), max_tokens=99, seed=4))
    assert chat.startswith("chat: synthetic prompts of lognormal:70,1.5<=2048 tokens (mean 70)")
    assert "1.95 turns on average" in chat
    assert "at most 99" in chat
    assert chat.endswith("seed 4")
    agent = describe(from_preset(PRESETS["agent"]))
    assert "behind 4096 tokens that all share" in agent
    assert "beyond that no two prompts begin alike" in agent
    assert describe(WorkloadSpec()) == (
        "short synthetic prompts of about 20 words; answers of up to 64 tokens; "
        "no two prompts begin alike; seed 0"
    )
    dataset = WorkloadSpec(dataset=Path("d/a.json"), bust_cache=True, tokenizer=Path("m"))
    assert describe(dataset) == (
        "conversations of a.json; answers as long as recorded; different words before each, "
        "so that no cache helps; prompt lengths by the tokenizer m; seed 0"
    )


def test_many_long_prompts_cost_little() -> None:
    tracemalloc.start()
    try:
        sent = conversations(WorkloadSpec(prompt=fixed(8000)), CLOSED, 1000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    texts = sum(len(text) for text in prompts(sent))
    # Hardly more than the prompts themselves.
    assert peak < 1.2 * texts + 5_000_000
    started = time.process_time()
    conversations(WorkloadSpec(), CLOSED, 3072)
    assert time.process_time() - started < 0.5


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, weighbridge.measure.load.traffic.workload;"
        "import weighbridge.measure.load.traffic.presets;"
        "print([m for m in ('numpy', 'scipy', 'tokenizers', 'csv', 'gzip') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
