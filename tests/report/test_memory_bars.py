from __future__ import annotations

import re

import pytest

from tests.report import plans
from weighbridge.core.units import GIB
from weighbridge.report.memory_bars import PARTS, legend, memory_bar, parts_of, scale_of


def test_parts_add_up_to_all_that_is_used() -> None:
    use = plans.memory(8, 10)
    parts = parts_of(use, users=8)
    assert sum(parts) == pytest.approx(use.total)
    assert parts[4:] == pytest.approx((4 * GIB, 6 * GIB))


def test_a_cache_that_is_too_small_is_all_in_use() -> None:
    assert parts_of(plans.memory(19, 1), users=8)[4:] == pytest.approx((GIB, 0))


def test_the_bar_is_to_scale() -> None:
    use = plans.memory(12, 4)
    drawing = str(memory_bar(use, 8, 24 * GIB, 24 * GIB).drawing)
    (width,) = re.findall(r'class="m-weights"[^>]*width="([\d.]+)"', drawing)
    assert float(width) == pytest.approx(200 * 12 / 24)
    (edge,) = re.findall(r'class="m-limit" d="M([\d.]+)', drawing)
    assert float(edge) == pytest.approx(200 * 21.2 / 24, abs=0.1)


def test_a_need_beyond_the_device_stays_within_the_drawing() -> None:
    one = plans.way("acme/Huge", use=plans.memory(40, 1))
    scale = scale_of([one], 24 * GIB)
    assert one.memory is not None
    drawing = str(memory_bar(one.memory, 8, 24 * GIB, scale).drawing)
    ends = re.findall(r' x="([\d.]+)"[^>]* width="([\d.]+)"', drawing)
    assert max(float(x) + float(width) for x, width in ends) <= 200.5


def test_words_say_every_part_and_what_is_missing() -> None:
    words = memory_bar(plans.memory(19.5, 0.2), 8, 24 * GIB, 24 * GIB).words
    assert "weights 19.50" in words
    assert "limit of the engine 21.20" in words
    assert "short by 1.00 GiB" in words


def test_every_part_has_its_swatch() -> None:
    assert [text for _, text in legend()][: len(PARTS)] == [name for name, _ in PARTS]
