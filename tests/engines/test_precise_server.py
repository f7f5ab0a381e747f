from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs epoll")

TTFT_MS, ITL_MS = 40, 10
LATE_MS = 100.0  # a busy machine may delay it by so much


@contextmanager
def server(slots: int = 0) -> Iterator[str]:
    argv = [sys.executable, "-m", "weighbridge.engines.precise_server"]
    argv += ["--parent", str(os.getpid()), "--slots", str(slots)]
    argv += ["--ttft-ms", str(TTFT_MS), "--itl-ms", str(ITL_MS)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        yield child.stdout.readline().strip()
        child.stdin.close()  # which ends it


def post(url: str, body: bytes, path: str = "/chat/completions") -> list[Any]:
    """The events of an answer."""
    request = urllib.request.Request(url + path, body)  # noqa: S310 -- our own server
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        lines = answer.read().decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 -- likewise
        return json.load(answer)


def log(url: str) -> Any:
    return get(url.removesuffix("/v1") + "/log")["answers"]


def test_it_answers_as_many_tokens_as_were_asked_for() -> None:
    with server() as url:
        for body in (b'{"max_tokens":3}', b'{"max_completion_tokens":3}'):
            events = post(url, body)
            content = [e["choices"][0]["delta"].get("content") for e in events if e["choices"]]
            assert content == ["", " token", " token", " token", None]
            assert events[-1]["usage"]["completion_tokens"] == 3
        assert [len(sent) for _, _, sent in log(url)] == [3, 3]
        assert log(url) == []  # told once


def test_it_speaks_completions_too() -> None:
    with server() as url:
        events = post(url, b'{"max_tokens":2}', "/completions")
        text = [event["choices"][0]["text"] for event in events if event["choices"]]
        assert text == [" token", " token", ""]
        assert events[-1]["usage"]["completion_tokens"] == 2


def test_its_log_is_when_it_really_sent() -> None:
    with server() as url:
        before = time.perf_counter_ns()
        post(url, b'{"max_tokens":4}')
        after = time.perf_counter_ns()
        [(arrived, begun, sent)] = log(url)
    assert before < arrived == begun < sent[0] < sent[-1] < after  # one clock for all
    for index, at in enumerate(sent):
        assert 0 <= (at - arrived) / 1e6 - TTFT_MS - index * ITL_MS < LATE_MS


def test_more_requests_than_slots_wait_in_order() -> None:
    with server(slots=2) as url, ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: post(url, b'{"max_tokens":4}'), range(6)))
        answers = sorted(log(url))
    service_ms = TTFT_MS + 3 * ITL_MS
    begins = [begun for _, begun, _ in answers]
    assert begins == sorted(begins)
    assert (max(sent[-1] for *_, sent in answers) - begins[0]) / 1e6 >= 3 * service_ms
    busy = [(begun, sent[-1]) for _, begun, sent in answers]
    for moment, _ in busy:
        assert sum(begun <= moment < end for begun, end in busy) <= 2


def test_other_requests_are_refused_or_answered_plainly() -> None:
    with server() as url:
        assert get(url + "/models")["data"][0]["id"] == "precise"
        assert get(url.removesuffix("/v1") + "/health") == {}
        for path, body, status in (("/nothing", b"{}", 404), ("/chat/completions", b"{", 400)):
            with pytest.raises(urllib.error.HTTPError) as caught:
                post(url, body, path)
            assert caught.value.code == status
            caught.value.close()
