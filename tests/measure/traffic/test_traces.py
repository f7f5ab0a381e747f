from __future__ import annotations

import contextlib
import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weighbridge.core.errors import FormatError, InputError
from weighbridge.measure.load.traffic.traces import Trace, TraceRequest, read_trace

MOONCAKE = (
    '{"timestamp": 0, "input_length": 1100, "output_length": 500, "hash_ids": [0, 1, 2]}\n'
    '{"timestamp": 1500, "input_length": 700, "output_length": 3, "hash_ids": [0, 3]}\n'
)
AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    "2023-11-16 18:15:46.6805900,374,44\r\n"
    "2023-11-16 18:15:50.9951690,396,109\r\n"
    "2023-11-16 18:16:50.9951690,1,1"
)
BURSTGPT = (
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,Conversation log\n"
    "45,ChatGPT,1087,0,1087,Conversation log\n"
    "118,GPT-4,417,276,693,API log\n"
)
OWN = "arrival_s,prompt_tokens,output_tokens\n3.5,100,20\n4,200,30\n"
RUN = (
    '{"level": 0, "sent_ms": 2.0, "prompt_tokens": 30, "output_tokens": 64, "error": null}\n'
    '{"level": 0, "sent_ms": 52.0, "prompt_tokens": null, "output_tokens": 0, "error": "connect"}\n'
    '{"level": 0, "sent_ms": 102.0, "prompt_tokens": 31, "output_tokens": 64, "error": null}\n'
    '{"level": 1, "sent_ms": 1.0, "prompt_tokens": 32, "output_tokens": 64, "error": null}\n'
)
KNOWN = {
    "Mooncake": MOONCAKE,
    "Azure": AZURE,
    "BurstGPT": BURSTGPT,
    "Weighbridge trace": OWN,
    "Weighbridge run, first level": RUN,
}


def read(folder: Path, text: str | bytes, **window: float) -> Trace:
    path = folder / "trace"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(path, **window)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", KNOWN)
def test_formats_are_told_apart_by_content(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, KNOWN[name]).format == name
    assert read(tmp_path, gzip.compress(KNOWN[name].encode())) == read(tmp_path, KNOWN[name])
    assert read(tmp_path, b"\xef\xbb\xbf" + KNOWN[name].encode()).format == name


def test_mooncake_times_are_milliseconds_and_blocks_are_kept(tmp_path: Path) -> None:
    assert read(tmp_path, MOONCAKE).requests == (
        TraceRequest(0.0, 1100, 500, (0, 1, 2)),
        TraceRequest(1.5, 700, 3, (0, 3)),
    )


def test_azure_times_are_moments_with_or_without_a_zone(tmp_path: Path) -> None:
    requests = read(tmp_path, AZURE).requests
    assert [one.due_s for one in requests] == pytest.approx([0, 4.314579, 64.314579])
    assert (requests[1].prompt_tokens, requests[1].output_tokens) == (396, 109)
    zoned = AZURE.replace("0,374", "0+00:00,374").replace("0,396", "0+00:00,396")
    assert read(tmp_path, zoned.replace(",1,1", "+00:00,1,1")).requests == requests


def test_failed_requests_are_left_out_and_counted(tmp_path: Path) -> None:
    trace = read(tmp_path, BURSTGPT)
    assert [one.due_s for one in trace.requests] == [0, 113]
    assert trace.skipped == 1
    run = read(tmp_path, RUN)
    assert [one.due_s for one in run.requests] == pytest.approx([0, 0.1])
    assert run.skipped == 1


def test_a_window_counts_from_its_beginning(tmp_path: Path) -> None:
    rows = "".join(f"{second},{second + 1},1\n" for second in range(100))
    text = "arrival_s,prompt_tokens,output_tokens\n" + rows
    window = read(tmp_path, text, start_s=10, duration_s=5).requests
    assert [(one.due_s, one.prompt_tokens) for one in window] == [(i, 11 + i) for i in range(5)]
    assert len(read(tmp_path, text, limit=7).requests) == 7
    with pytest.raises(InputError, match="no requests between 500 s and its end"):
        read(tmp_path, text, start_s=500)
    with pytest.raises(InputError, match="cannot be played"):
        read(tmp_path, text, start_s=-1)


def test_large_files_are_read_no_further_than_needed(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("Timestamp,Request tokens,Response tokens\n")
        for second in range(40_000):
            file.write(f"{second},100,10\n")
        file.write("damaged\n")
    tracemalloc.start()
    try:
        requests = read_trace(path, start_s=20_000, limit=10).requests
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(requests) == 10
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no requests"),
        ("arrival_s,prompt_tokens,output_tokens\n", "no requests"),
        ("when,what\n1,2\n", "line 2 is of no known trace format"),
        ('{"a": 1}\n', "line 1 is of no known trace format. Known are Mooncake"),
        (MOONCAKE + "{", "line 3 is not JSON"),
        (MOONCAKE + "[1]", "line 3 is not a JSON object"),
        (MOONCAKE + MOONCAKE, "line 3 comes before the line above"),
        (MOONCAKE.replace("[0, 3]", '["a"]'), "line 2: hash_ids"),
        (MOONCAKE.replace("700", "7.5"), "line 2: input_length is 7.5"),
        (MOONCAKE.replace("700", "-7"), "line 2: input_length is -7"),
        (MOONCAKE.replace("700", "1e99"), "line 2: input_length"),
        (MOONCAKE.replace("1500", "true"), "line 2: timestamp is True"),
        (AZURE.replace(",396", ",many"), "line 3: contexttokens is 'many'"),
        (AZURE.replace("2023-11-16 18:15:50.9951690", "noon"), "line 3: timestamp is 'noon'"),
        (AZURE.replace(",109", ""), "line 3 has 2 columns, the header 3"),
        (OWN.replace("4,", "nan,"), "line 3: arrival_s is 'nan'"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (gzip.compress(MOONCAKE.encode(), mtime=0)[:-9], "damaged gzip"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(FormatError, match=says) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "trace") in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_trace(tmp_path / "none.csv")
    with pytest.raises(InputError, match="Cannot read"):
        read_trace(tmp_path)


@given(st.sampled_from(sorted(KNOWN)), st.data())
@settings(max_examples=300, deadline=None)
def test_any_mutation_is_a_trace_or_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    content = bytearray(KNOWN[name].encode())
    if data.draw(st.booleans()):
        content = bytearray(gzip.compress(bytes(content), mtime=0))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = min(len(content), start + data.draw(st.integers(0, 12)))
        content[start:end] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"9" * 30, b"-1", b"nan", b'"', b"\r", b"[["])
        )
    folder = tmp_path_factory.mktemp("mutated", numbered=True)
    try:
        trace = read(folder, bytes(content))
    except InputError as error:
        assert str(folder) in str(error)  # noqa: PT017 -- most mutations are errors, not all
        return
    times = [one.due_s for one in trace.requests]
    assert times == sorted(times)
    assert all(one.prompt_tokens > 0 and one.output_tokens > 0 for one in trace.requests)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
       lambda inner: st.lists(inner, max_size=3), max_leaves=5))  # fmt: skip
@example(10**400)
@settings(deadline=None)
def test_any_json_value_in_any_place_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    folder = tmp_path_factory.mktemp("values", numbered=True)
    row = {"timestamp": 0, "input_length": 10, "output_length": 5, "hash_ids": [0]}
    for key in row:
        with contextlib.suppress(InputError):
            assert read(folder, json.dumps({**row, key: value})).requests
