from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workspace.test_traffic import captured
from weighbridge.core.errors import ConfigError, InputError
from weighbridge.measure.evals.suite import load_suite
from weighbridge.verbs import traffic
from weighbridge.verbs.traffic_sample import Message, Sample, allocate, conversation, draw
from weighbridge.workspace.traffic import Captured, TrafficWriter

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def asked(number: int, prompt: str | None = None, **changes: Any) -> Captured:
    content = f"Question {number}?" if prompt is None else prompt
    fields = {"request": {"messages": [{"role": "user", "content": content}]}, "text": "42"}
    return captured(f"r{number}", **fields | changes)


def mixed(count: int) -> list[Captured]:
    tasks = ["arithmetic"] * 7 + ["extraction"] * 2 + [None]
    return [asked(number, task=tasks[number % 10]) for number in range(count)]


def by_stratum(drawn: Sample) -> Counter[str]:
    return Counter(item.stratum for item in drawn.items)


def test_strata_have_their_share_and_the_same_seed_gives_the_same_set() -> None:
    drawn = draw(mixed(200), 50, "task", 0)
    assert by_stratum(drawn) == {"arithmetic": 35, "extraction": 10, "(none)": 5}
    assert drawn == draw(mixed(200), 50, "task", 0)
    assert draw(list(reversed(mixed(200))), 50, "task", 0).hash == drawn.hash
    other = draw(mixed(200), 50, "task", 1)
    assert other.hash != drawn.hash
    assert by_stratum(other) == by_stratum(drawn)
    assert by_stratum(draw(mixed(200), 10, "none", 0)) == {"all": 10}


def test_further_traffic_changes_a_set_only_a_little() -> None:
    before = {item.id for item in draw(mixed(200), 50, "task", 0).items}
    after = {item.id for item in draw(mixed(210), 50, "task", 0).items}
    assert len(before & after) >= 40


@given(st.dictionaries(st.text(), st.integers(1, 500), max_size=12), st.integers(1, 300))
def test_allocation(sizes: dict[str, int], count: int) -> None:
    taken = allocate(sizes, count)
    assert sum(taken.values()) == min(count, sum(sizes.values()))
    assert all(1 <= taken[name] <= sizes[name] for name in taken)
    if count >= len(sizes):
        assert set(taken) == set(sizes)
        for name in taken:
            # Nobody but those lifted to one or full is far from its share.
            share = sizes[name] * min(count, sum(sizes.values())) / sum(sizes.values())
            assert taken[name] <= max(1, share + 1)


def test_equal_requests_count_once_and_what_cannot_be_asked_again_is_told() -> None:
    drawn = draw(
        [
            asked(1),
            asked(2, "Question 1?", model="clerk"),
            asked(3, status=502, end="failed"),
            asked(4, end="client_left"),
            asked(5, blobs=1),
            asked(6, path="/v1/embeddings"),
            asked(7, request={"messages": [{"role": "user", "content": ""}]}),
            asked(8, request=[1]),
            asked(9, request={"messages": [{"role": "tool", "content": "x"}]}),
        ],
        50,
        "task",
        0,
    )
    assert [item.captured for item in drawn.items] == ["r1"]
    assert drawn.left_out == {
        "asked before, word by word": 1,
        "not answered completely": 2,
        "images or other binary parts, which are not kept": 1,
        "not a conversation": 1,
        "no text in it": 2,
        "tool calls within the conversation, which a prompt cannot hold": 1,
    }


@pytest.mark.parametrize(
    ("path", "request_", "messages"),
    [
        ("/v1/completions", {"prompt": "Once"}, [Message("user", "Once")]),
        ("/v1/completions", {"prompt": ["Once"]}, [Message("user", "Once")]),
        (
            "/v1/responses",
            {"instructions": "Be brief.", "input": "Hi"},
            [Message("system", "Be brief."), Message("user", "Hi")],
        ),
        (
            "/v1/messages",
            {
                "system": [{"type": "text", "text": "Be brief."}],
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
            },
            [Message("system", "Be brief."), Message("user", "Hi")],
        ),
    ],
)
def test_conversations_of_every_endpoint(
    path: str, request_: dict[str, Any], messages: list[Message]
) -> None:
    assert conversation(asked(1, path=path, request=request_)) == ("", tuple(messages))


def test_conversations_of_several_messages_are_written_out_with_their_roles() -> None:
    request = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Why?"},
        ]
    }
    (item,) = draw([asked(1, request=request)], 5, "none", 0).items
    assert item.prompt == "System: Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Why?"
    assert len(item.messages) == 4


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / ".weighbridge"
    writer = TrafficWriter(root, 10**6)
    for number, one in enumerate(mixed(30)):
        when = (NOW - timedelta(days=number)).isoformat()
        writer.append(msgspec.json.encode(msgspec.structs.replace(one, time=when)))
    return root


def test_a_set_is_a_suite_once_its_answers_are_written(root: Path, tmp_path: Path) -> None:
    drawn = traffic.sample(root, 12, by="task", seed=0, since=None)
    folder = tmp_path / "ours"
    traffic.write_suite(drawn, folder)
    with pytest.raises(ConfigError, match="no `answer`"):
        load_suite(folder)
    items = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    assert {item["reference"] for item in items} == {"42"}
    assert {item["reference_model"] for item in items} == {"tally"}
    filled = [json.dumps(item | {"answer": "42"}) for item in items]
    (folder / "items.jsonl").write_text("\n".join(filled))
    suite = load_suite(folder)
    assert [item.prompt for item in suite.items] == [item.prompt for item in drawn.items]
    assert drawn.hash in suite.settings.description
    with pytest.raises(InputError, match="not empty"):
        traffic.write_suite(drawn, folder)


def test_a_conversation_comes_before_its_last_question(tmp_path: Path) -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Why?"},
    ]
    root = tmp_path / "workspace"
    writer = TrafficWriter(root, 1_000_000)
    writer.append(msgspec.json.encode(asked(1, request={"messages": said})) + b"\n")
    drawn = traffic.sample(root, 1, by="none", seed=0, since=None)
    traffic.write_suite(drawn, tmp_path / "set")
    item = json.loads((tmp_path / "set/items.jsonl").read_text())
    assert item["prompt"] == "Why?"
    assert item["messages"] == said[:-1]


def test_since(root: Path) -> None:
    week = traffic.since_time("7d", NOW)
    assert len(traffic.listed(root, since=week, limit=100)) == 8
    assert traffic.since_time("2026-11-01", NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    assert traffic.since_time(None, NOW) is None
    with pytest.raises(InputError, match="neither a time nor a duration"):
        traffic.since_time("yesterday", NOW)
    with pytest.raises(InputError, match="since then"):
        traffic.sample(root, 5, by="none", seed=0, since=NOW + timedelta(days=1))


def test_nothing_to_sample_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no captured requests"):
        traffic.sample(tmp_path, 5, by="task", seed=0, since=None)
    TrafficWriter(tmp_path, 10**6).append(msgspec.json.encode(asked(1, blobs=1)))
    with pytest.raises(InputError, match="1 × images"):
        traffic.sample(tmp_path, 5, by="task", seed=0, since=None)


@pytest.mark.parametrize(
    "request_",
    [
        None, [], {}, {"messages": [1]}, {"messages": {}}, {"input": [[1, 2]]}, {"prompt": 7},
        {"messages": [{"role": "user", "content": [1, {"text": 3}]}]}, {"messages": 5},
    ],
)  # fmt: skip
def test_odd_requests_are_listed_and_left_out(request_: Any) -> None:
    one = asked(1, request=request_)
    assert isinstance(traffic.said_last(one), str)
    assert conversation(one)[0]
