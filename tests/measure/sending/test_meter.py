from __future__ import annotations

import asyncio
import gc
import time

import psutil

from weighbridge.measure.load.sending.meter import Meter, Reading, max_rss_mb, undisturbed


def test_a_blocked_loop_shows_in_the_lags() -> None:
    async def work() -> Reading:
        meter = Meter()
        meter.start()
        await asyncio.sleep(0.05)
        time.sleep(0.2)  # noqa: ASYNC251 -- the very thing to be noticed
        await asyncio.sleep(0.05)
        return meter.stop()

    reading = asyncio.run(work())
    assert max(reading.lags_ms) >= 150
    assert len(reading.lags_ms) >= 3
    assert 0 <= reading.cpu_s <= reading.wall_s
    assert reading.wall_s >= 0.3


def test_nothing_ticks_after_the_end() -> None:
    async def work() -> tuple[Reading, Reading]:
        meter = Meter()
        meter.start()
        await asyncio.sleep(0.03)
        first = meter.stop()
        await asyncio.sleep(0.05)
        return first, meter.stop()

    first, second = asyncio.run(work())
    assert first.lags_ms == second.lags_ms


def test_resident_memory_is_this_processs_own() -> None:
    now_mb = psutil.Process().memory_info().rss / 1e6
    assert max_rss_mb() >= 0.9 * now_mb
    assert max_rss_mb() < 20 * now_mb


def test_the_collector_is_left_as_it_was() -> None:
    before = gc.get_threshold()
    gc.unfreeze()
    with undisturbed():
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
    # What others have frozen they want to stay so: their collections would be long.
    gc.freeze()
    frozen = gc.get_freeze_count()
    with undisturbed():
        pass
    assert gc.get_freeze_count() >= frozen
