from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import ProtocolError
from weighbridge.core.http import parse_url
from weighbridge.measure.load.server.engine_metrics import (
    Counters,
    EngineReading,
    difference,
    metrics_urls,
    parse_series,
    read_metrics,
)

DATA = Path(__file__).parents[2] / "data" / "metrics"


def text(engine: str) -> bytes:
    return (DATA / f"{engine}.txt").read_bytes()


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (
            "vllm",
            EngineReading(
                "vLLM", 5, 7, 0.5,
                # Aborted and failed requests were not served.
                Counters(65, 1_234_577, 1_234_481, 96, 4097, 5),
            ),
        ),
        (
            "sglang",
            # Ranks repeat their replica, priorities repeat the total.
            EngineReading("SGLang", 6, 5, 0.3, Counters(16, 1024, 704, 320, 512, 2)),
        ),
        (
            "llamacpp",
            EngineReading("llama.cpp", 3, 1, None, Counters(None, 32, 17, 15, 10, None)),
        ),
        (
            "trtllm",
            EngineReading("TensorRT-LLM", 2, 1, 0.125, Counters(7, 70, 38, 32, 448, None)),
        ),
    ],
)  # fmt: skip
def test_every_engine(engine: str, expected: EngineReading) -> None:
    assert read_metrics(text(engine), "m") == expected


def test_the_prefix_may_be_written_otherwise() -> None:
    assert read_metrics(text("vllm").replace(b"vllm:", b"vllm_"), "m").running == 5


def test_old_names_still_count() -> None:
    old = b"vllm:gpu_cache_usage_perc 0.5\nvllm:num_requests_running 1\n"
    assert read_metrics(old, "m").kv_used == 0.5
    older = text("vllm").replace(b"vllm:prompt_tokens_cached_total", b"vllm:other")
    assert read_metrics(older, "m").counters.cached_tokens == 160
    old = b"llamacpp:kv_cache_usage_ratio 0.25\nllamacpp:prompt_tokens_total 9\n"
    reading = read_metrics(old, "m")
    assert reading.kv_used == 0.25
    # Without the cached ones, all prompt tokens are not known.
    assert (reading.counters.prefill_tokens, reading.counters.prompt_tokens) == (9, None)


def test_counters_that_llamacpp_rounds_are_left_out() -> None:
    rounded = text("llamacpp").replace(b"tokens_total 17", b"tokens_total 1.23457e+06")
    counters = read_metrics(rounded, "m").counters
    assert (counters.prompt_tokens, counters.prefill_tokens) == (None, None)
    assert counters.output_tokens == 10


def test_one_model_of_several() -> None:
    both = text("vllm") + text("vllm").replace(b'"m"', b'"other"')
    assert read_metrics(both, "m") == read_metrics(text("vllm"), "m")
    with pytest.raises(ProtocolError, match="of 2 models, none of them third"):
        read_metrics(both, "third")
    # A single model may be served under another name than its metrics carry.
    assert read_metrics(text("vllm"), "alias").running == 5


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no metrics of an engine that we know"),
        (b"go_goroutines 7\n", "no metrics of an engine that we know"),
        (b"<!DOCTYPE html><html>vllm:</html>", "HTML"),
        (b'[{"iter": 1}]', "no metrics"),
        (b"vllm:num_requests_running NaN\n", "no metrics"),
        (b"\xff\xfe\x00", "no metrics"),
    ],
)
def test_what_is_no_metrics(body: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        read_metrics(body, "m")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"vllm:num_requests_running 3", 3),
        (b"vllm:num_requests_running{} 3.5 1700000000000", 3.5),
        (b'vllm:num_requests_running{a="x}y\\" 9",b="c,d"}\t4e1', 40),
        (b'vllm:num_requests_running{a="b",} +2 # {trace="1"} 7', 2),
        (b"vllm:num_requests_running{a=\"b\" 5", None),
        (b"vllm:num_requests_running 1_000", None),
        (b"vllm:num_requests_running 1.2.3", None),
        (b"vllm:num_requests_running", None),
        (b"vllm:num_requests_running_created 3", None),
        (b"vllm:num_requests_running +Inf", None),
        (b"x vllm:num_requests_running 3", None),
    ],
)  # fmt: skip
def test_lines(line: bytes, value: float | None) -> None:
    found = parse_series(line + b"\r\nvllm:broken{\n")
    assert [one.value for one in found] == ([] if value is None else [value])


def test_labels_are_read_as_written() -> None:
    line = b'vllm:num_requests_running{model_name="a\\"b",engine="0"} 1'
    assert parse_series(line)[0].labels == {"model_name": 'a\\"b', "engine": "0"}


LABEL_VALUE = st.text(
    st.characters(codec="utf-8", exclude_characters='"\\\n\r\x0b\x0c\x1c\x1d\x1e\x85')
)


@given(
    st.lists(st.tuples(LABEL_VALUE, st.floats(0, 1e15, allow_nan=False), st.booleans()), max_size=5)
)
def test_any_written_series_is_read(rows: list[tuple[str, float, bool]]) -> None:
    lines = [
        f'vllm:generation_tokens_total{{model_name="m",x="{label}",n="{number}"}} {value!r}'
        + (" 1700000000" if stamp else "")
        for number, (label, value, stamp) in enumerate(rows)
    ]
    found = parse_series("\n".join(lines).encode())
    assert [one.value for one in found] == [value for _, value, _ in rows]
    assert [one.labels["x"] for one in found] == [label for label, _, _ in rows]


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for prefix in (b"", b"vllm:num_requests_running", b'sglang:token_usage{a="'):
        try:
            reading = read_metrics(prefix + body, "m")
        except ProtocolError:
            continue
        assert reading.engine


@given(st.integers(0, 5), st.binary(max_size=60), st.data())
def test_damaged_metrics_are_read_or_refused(which: int, noise: bytes, data: st.DataObject) -> None:
    body = text(("vllm", "sglang", "llamacpp", "trtllm", "vllm", "sglang")[which])
    place = data.draw(st.integers(0, len(body)))
    try:
        read_metrics(body[:place] + noise + body[place + len(noise) :], "m")
    except ProtocolError as error:
        assert error.message  # noqa: PT017 -- either outcome is right


def test_a_page_of_metrics_is_read_fast() -> None:
    # As large as those of a real server: mostly buckets of histograms.
    bucket = b'vllm:request_time_seconds_bucket{engine="0",le="%d",model_name="m"} 12.0\n'
    body = b"".join(bucket % number for number in range(2000)) + text("vllm")
    began = time.process_time()
    for _ in range(20):
        read_metrics(body, "m")
    assert (time.process_time() - began) / 20 < 0.01  # 0.6 ms, unless the machine is busy


def test_a_monstrous_line_costs_nothing() -> None:
    body = b'vllm:num_requests_running{a="' + b'\\"' * 500_000 + b"\n"
    began = time.process_time()
    with pytest.raises(ProtocolError):
        read_metrics(body, "m")
    assert time.process_time() - began < 0.5


def test_differences() -> None:
    before = Counters(1, 10, None, None, 5, 0)
    assert difference(before, Counters(3, 30, 4, None, 5, 2)) == (
        {"requests": 2, "prompt_tokens": 20, "output_tokens": 0, "preemptions": 2},
        False,
    )
    assert difference(before, Counters(0, 30, None, None, 9, 2)) == ({}, True)


@pytest.mark.parametrize(
    ("base", "first", "second"),
    [
        ("http://h:8000/v1", "http://h:8000/metrics", "http://h:8000/prometheus/metrics"),
        ("https://h/a/v1/", "https://h:443/a/metrics", "https://h:443/a/prometheus/metrics"),
        ("http://h:1", "http://h:1/metrics", "http://h:1/prometheus/metrics"),
    ],
)
def test_where_metrics_are(base: str, first: str, second: str) -> None:
    assert [str(url) for url in metrics_urls(parse_url(base))] == [first, second]
