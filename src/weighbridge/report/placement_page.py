"""``weigh place`` as a page: the devices drawn, what lies where, and what found no place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.placement import Placement
from weighbridge.core.provenance import Provenance
from weighbridge.report.page import render
from weighbridge.report.placement_drawing import placement_drawings, taken
from weighbridge.report.placement_form import PlacementForm


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
    return _rendered(standalone=standalone, **_context(placement, provenance, commands, notes))


def live_placement_page(
    form: PlacementForm,
    *,
    placement: Placement | None = None,
    provenance: Provenance | None = None,
    commands: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    problem: WeighbridgeError | None = None,
    file: str = "",
) -> str:
    """The page with the form that asks for a placement.

    Args:
        form: the question, as typed.
        placement: the answer, if there is one.
        provenance: of its memory and load.
        commands: for every server its machine and the command that starts it.
        notes: sentences on what was assumed.
        problem: why there is none.
        file: the question as ``weigh place`` reads it.
    """
    if placement is None or provenance is None:
        return _rendered(form=form, problem=problem)
    answer = _context(placement, provenance, commands, notes)
    return _rendered(form=form, file=file, **answer)


def _rendered(*, standalone: bool = False, **context: Any) -> str:  # noqa: ANN401 -- as Jinja
    empty: dict[str, Any] = {"form": None, "problem": None, "placement": None, "file": ""}
    return render(
        "placement.html",
        standalone=standalone,
        charts=False,
        here="place",
        **(empty | context),
    )


def _context(
    placement: Placement,
    provenance: Provenance,
    commands: Sequence[tuple[str, str]],
    notes: Sequence[str],
) -> dict[str, Any]:
    starts: dict[str, list[str]] = {}
    for site, command in commands:
        starts.setdefault(site, []).append(command)
    return {
        "placement": placement,
        "headline": headline(placement),
        # Reasons are told at the top.
        "unplaced": [one for one in placement.unplaced if one.reason not in placement.reasons],
        "drawings": placement_drawings(placement),
        "taken": taken(placement),
        "provenance": provenance,
        "starts": list(starts.items()),
        "notes": notes,
    }


def headline(placement: Placement) -> str:
    """What came of it."""
    count = len(placement.placed)
    if placement.feasible:
        what = "It has its place" if count == 1 else f"All {count} have their place"
        return f"{what}." if not placement.unplaced else "All that is required has its place."
    names = ", ".join(one.wanted for one in placement.placed)
    if not names:
        return "Nothing of it has a place."
    return f"Not everything fits; the nearest that does: {names}."
