from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.report import plans
from weighbridge.core.units import GIB
from weighbridge.report.placement_drawing import placement_drawings, racks, winner_drawing


def test_pieces_of_a_device_are_what_it_gives() -> None:
    made = plans.placement()
    (rack,) = racks(made)
    for box, use in zip(rack.boxes, made.devices, strict=True):
        assert sum(piece.bytes for piece in box.pieces) == pytest.approx(use.used_bytes)
        assert [piece.name for piece in box.pieces] == list(use.holds)


def test_servers_on_several_devices_are_joined() -> None:
    (drawn,) = placement_drawings(plans.placement())
    assert str(drawn.drawing).count('class="p-join j1"') == 1
    assert "One server of 2 devices" in str(drawn.drawing)


def test_memory_is_to_scale_and_load_is_told() -> None:
    (drawn,) = placement_drawings(plans.placement())
    heights = [
        float(height)
        for height in re.findall(r'class="p-piece"[^>]*height="([\d.]+)"', str(drawn.drawing))
    ]
    assert heights == pytest.approx([125, 125, 75, 18.75])
    assert "busy 50.0" in drawn.words
    assert "GPU 2 of 24.00" in drawn.words


def test_machines_are_drawn_one_by_one() -> None:
    made = plans.placement()
    other = replace(made.devices[2], site="other", index=0, holds=(), used_bytes=0.0, load=0.0)
    drawn = placement_drawings(replace(made, devices=(*made.devices, other)))
    assert [one.name for one in drawn] == ["box", "other"]
    assert "holds nothing" in drawn[1].words


def test_groups_that_overlap_are_joined_on_different_levels() -> None:
    made = plans.placement()
    again = replace(made.placed[0], wanted="more", devices=((1, 2),))
    (drawn,) = placement_drawings(replace(made, placed=(made.placed[0], again)))
    levels = re.findall(r'class="p-join j\d" d="M[\d.]+ [\d.]+V([\d.]+)', str(drawn.drawing))
    assert len(set(levels)) == 2


def test_names_are_text() -> None:
    made = plans.placement()
    bad = replace(made.placed[0], wanted=plans.HOSTILE)
    (drawn,) = placement_drawings(replace(made, placed=(bad, *made.placed[1:])))
    assert "<img" not in str(drawn.drawing)


def test_the_winner_lies_on_as_many_devices_as_it_uses() -> None:
    drawn = winner_drawing(plans.several_devices())
    assert drawn is not None
    assert str(drawn.drawing).count('class="p-piece"') == 4
    assert str(drawn.drawing).count('class="p-join') == 2
    assert "busy" not in drawn.words
    # 8 weights, 1.6 for computing, and 8 sequences of half a GiB.
    assert f"{(8 + 1.6 + 4):.2f}" in drawn.words
    assert 13.6 * GIB < 24 * GIB


def test_a_single_device_needs_no_drawing() -> None:
    assert winner_drawing(plans.plan()) is None
    assert winner_drawing(plans.nothing()) is None


def test_a_server_that_several_use_is_joined_once() -> None:
    made = plans.placement()
    pair = replace(made.placed[0].option, server="base")
    both = tuple(replace(one, option=pair, devices=((0, 1),)) for one in made.placed[:2])
    (drawn,) = placement_drawings(replace(made, placed=both))
    assert str(drawn.drawing).count("p-join") == 1
    apart = tuple(replace(one, option=replace(pair, server="")) for one in both)
    (drawn,) = placement_drawings(replace(made, placed=apart))
    assert str(drawn.drawing).count("p-join") == 2
