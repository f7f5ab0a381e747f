from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.serve.access.rates import Rates

MINUTE = 60.0


def test_a_minute_may_be_used_at_once_and_comes_back_evenly() -> None:
    rates = Rates()
    row = rates.row("alice")
    assert [rates.request(row, 3, 100.0) for _ in range(3)] == [0, 0, 0]
    assert rates.request(row, 3, 100.0) == pytest.approx(20.0)
    assert rates.request(row, 3, 120.0) == 0
    assert rates.request(row, 3, 120.0) == pytest.approx(20.0)


@given(st.integers(1, 500), st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=300))
def test_no_stretch_of_time_sees_more_than_a_bucket_and_what_flowed_in(
    per_minute: int, gaps: list[float]
) -> None:
    rates = Rates()
    row, now, admitted = rates.row("k"), 1000.0, []
    for gap in gaps:
        now += gap
        if rates.request(row, per_minute, now) == 0:
            admitted.append(now)
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            flowed = (admitted[last] - start) / MINUTE * per_minute
            assert last - first + 1 <= per_minute + flowed + 1e-3 + 1


def test_waiting_as_told_is_enough() -> None:
    rates = Rates()
    row, now = rates.row("k"), 50.0
    for _ in range(100):
        now += rates.request(row, 7, now)
        rates.request(row, 7, now)
    wait = rates.request(row, 7, now)
    assert 0 < wait <= MINUTE / 7 + 1e-6
    assert rates.request(row, 7, now + wait) == 0


def test_tokens_are_counted_after_the_answer_and_may_be_overdrawn() -> None:
    rates = Rates()
    row = rates.row("k")
    assert rates.wait(row, 600, 10.0) == 0
    rates.tokens(row, 1200, 600, 10.0)  # two minutes' worth
    assert rates.wait(row, 600, 10.0) == pytest.approx(60.1)
    assert rates.wait(row, 600, 70.2) == 0
    rates.tokens(row, 10**9, 600, 70.0)
    assert rates.wait(row, 600, 70.0) < 3600  # nobody is locked out for days


def test_a_rate_of_nothing_lets_nothing_pass() -> None:
    rates = Rates()
    assert rates.request(rates.row("k"), 0, 1.0) > 0
    assert rates.wait(rates.row("k"), 0, 1.0) > 0


def test_keys_do_not_share_buckets_and_find_theirs_again() -> None:
    rates = Rates()
    rows = [rates.row(f"key{n}") for n in range(2000)]
    assert len(set(rows)) == 2000
    assert [rates.row(f"key{n}") for n in range(2000)] == rows
    rates.request(rows[0], 1, 5.0)
    assert rates.request(rows[1], 1, 5.0) == 0


def test_a_file_from_before_a_restart_of_the_machine_locks_nobody_out(tmp_path: Path) -> None:
    old = Rates(tmp_path / "rates")
    for _ in range(5):
        old.request(old.row("k"), 5, 9_000_000.0)
    old.close()
    new = Rates(tmp_path / "rates")
    assert new.request(new.row("k"), 5, 12.0) == 0
    new.close()


WORKER = """
import sys, time
from pathlib import Path
from weighbridge.serve.access.rates import Rates
rates = Rates(Path(sys.argv[1]))
row = rates.row("k")
sys.stdin.readline()
print(sum(rates.request(row, 1000, float(sys.argv[2])) == 0 for _ in range(2000)))
"""


def test_four_processes_share_one_rate_exactly(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path / "rates"), str(time.monotonic())]
    children = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        for _ in range(4)
    ]
    outputs = [child.stdin for child in children]
    for pipe in outputs:
        assert pipe is not None
        pipe.write("go\n")
        pipe.flush()
    assert sum(int(child.communicate(timeout=60)[0]) for child in children) == 1000
