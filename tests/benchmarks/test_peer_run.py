from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.benchmarks.peers import load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs epoll and /proc")

peer_run = load("peer_run")
JOB = peer_run.Job(concurrency=1, requests=3, tokens=6, ttft_ms=250, itl_ms=10)
ANYWHERE = peer_run.Cores(None, None)

ASKS = """
import json, sys, time, urllib.request
url, requests, tokens, busy = sys.argv[1], *map(int, sys.argv[2:])
body = json.dumps({"max_tokens": tokens, "messages": []}).encode()
for _ in range(requests):
    with urllib.request.urlopen(urllib.request.Request(url + "/chat/completions", body)) as answer:
        while answer.readline():
            until = time.process_time() + busy / 1000
            while time.process_time() < until:
                pass
print("done")
"""


def run(folder: Path, requests: int = 3, tokens: int = 6, busy_ms: int = 0) -> Any:
    def argv(url: str, _: Path) -> list[str]:
        numbers = [str(number) for number in (requests, tokens, busy_ms)]
        return [sys.executable, "-c", ASKS, url, *numbers]

    return peer_run.run_client(JOB, ANYWHERE, argv, {}, folder / "work")


def test_a_run_tells_the_truth_and_what_the_client_used(tmp_path: Path) -> None:
    ran = run(tmp_path)
    assert ran.output == "done\n"
    assert ran.truth.tokens == 3 * 6
    assert ran.truth.ttft_ms.p50 == pytest.approx(250, abs=100)
    assert 0 < ran.truth.rate_kept <= 1.001
    assert 0 < ran.start_s < 20
    assert ran.usage.processes >= 1
    assert 3 < ran.usage.peak_pss_mb <= ran.usage.peak_rss_mb < 200


def test_cpu_while_streaming_is_counted(tmp_path: Path) -> None:
    idle, busy = (run(tmp_path, busy_ms=ms).cpu_ms_per_1000_tokens for ms in (0, 3))
    lines = 2  # of a token: its event and an empty one
    assert busy - idle > 0.6 * lines * 3 * 1000


def test_a_warm_up_request_counts_for_the_start_only(tmp_path: Path) -> None:
    ran = run(tmp_path, requests=5)
    assert ran.truth.tokens == 3 * 6
    assert ran.truth.first_ns > ran.usage.times_ns[0]


def test_a_client_that_leaves_requests_out_fails(tmp_path: Path) -> None:
    with pytest.raises(peer_run.RunFailedError, match="finished 2 of 3"):
        run(tmp_path, requests=2)


def test_a_client_that_asks_for_other_lengths_fails(tmp_path: Path) -> None:
    with pytest.raises(peer_run.RunFailedError, match=r"asked for \[9\] tokens, not for 6"):
        run(tmp_path, tokens=9)


def test_a_client_that_breaks_says_its_last_words_and_leaves_nothing(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(peer_run.RunFailedError, match="1: boom"):
        peer_run.run_client(
            JOB,
            ANYWHERE,
            lambda *_: [sys.executable, "-c", "raise SystemExit('boom')"],
            {},
            tmp_path / "work",
        )
    assert set(psutil.Process().children(recursive=True)) <= before
