"""What the exit code of a load run says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report import sample_load as sample
from weighbridge.cli.bench_output import Outputs, exit_code
from weighbridge.core.errors import InputError

PLAIN = Outputs(as_json=False, compat=None, html=None, raw=None, fail_on_slo=False)
GATE = replace(PLAIN, fail_on_slo=True)


def test_a_gate_tells_held_from_missed_and_from_in_doubt() -> None:
    run = replace(sample.closed_run(), limit=None)
    held = replace(run, levels=run.levels[:1])
    assert exit_code(held, GATE) == 0
    assert exit_code(replace(held, is_partial=True), GATE) == 4
    assert exit_code(run, GATE) == 1  # its last level misses the SLO
    assert exit_code(run, PLAIN) == 0


def test_a_client_that_was_the_bottleneck_decides_nothing() -> None:
    limited = replace(sample.limited_run(), limit=None)
    assert exit_code(limited, GATE) == 4


def test_a_run_without_an_slo_is_no_gate() -> None:
    with pytest.raises(InputError, match="without an SLO"):
        exit_code(sample.plain_run(), GATE)


def test_a_run_where_all_failed_is_neither() -> None:
    run = sample.closed_run()
    failed = tuple(replace(one, error="http_503") for one in run.requests)
    for outputs in (PLAIN, GATE):
        assert exit_code(replace(run, requests=failed), outputs) == 3
