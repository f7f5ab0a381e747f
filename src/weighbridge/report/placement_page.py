"""``weigh place`` as a page: the devices drawn, what lies where, and what found no place."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.core.placement import Placement
from weighbridge.core.provenance import Provenance
from weighbridge.report.page import render
from weighbridge.report.placement_drawing import placement_drawings, taken


def placement_page(
    placement: Placement,
    *,
    standalone: bool,
    provenance: Provenance,
    commands: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> str:
    """The page of a placement.

    Args:
        placement: what lies where.
        standalone: as one file that is complete in itself, or for the live server.
        provenance: of memory and load.
        commands: for every server its machine and the command that starts it.
        notes: sentences on what was assumed.
    """
    return render(
        "placement.html",
        standalone=standalone,
        charts=False,
        here="plan",
        placement=placement,
        headline=headline(placement),
        drawings=placement_drawings(placement),
        taken=taken(placement),
        provenance=provenance,
        commands=commands,
        notes=notes,
    )


def headline(placement: Placement) -> str:
    """What came of it."""
    count = len(placement.placed)
    if placement.feasible:
        what = "It has its place" if count == 1 else f"All {count} have their place"
        return f"{what}." if not placement.unplaced else "All that is required has its place."
    names = ", ".join(one.wanted for one in placement.placed) or "nothing"
    return f"Not everything fits; the nearest that does: {names}."
