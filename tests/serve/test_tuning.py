from __future__ import annotations

import gc

from weighbridge.serve.tuning import settle_memory


def test_what_was_made_before_is_left_alone() -> None:
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        settle_memory()
        assert gc.get_freeze_count() > frozen
        assert all(new >= old for new, old in zip(gc.get_threshold(), thresholds, strict=True))
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
