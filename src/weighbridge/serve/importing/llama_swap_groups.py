"""llama-swap's rules on which models may run together: groups and the matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weighbridge.serve.importing.reading import Notes, items, mapping

_INSTEAD = (
    "here models run together as memory allows: give each model's `memory`, where it is known, and "
    "`machine.memory`"
)


@dataclass(frozen=True, slots=True)
class Groups:
    """What of groups can be said here.

    Attributes:
        persistent: models that nothing may unload.
    """

    persistent: frozenset[str]


def read_groups(document: dict[str, Any], notes: Notes) -> Groups:
    """Groups, wherever the file has them; matrices and what is not taken over are noted."""
    routing = mapping(document.get("routing"), "routing", notes)
    router = mapping(routing.get("router"), "routing.router", notes)
    settings = mapping(router.get("settings"), "routing.router.settings", notes)
    groups = mapping(document.get("groups"), "groups", notes)
    groups |= mapping(settings.get("groups"), "routing.router.settings.groups", notes)
    notes.left_out("routing.", routing, ("router",))
    if document.get("matrix") or settings.get("matrix"):
        notes.add(f"The matrix of models that may run together is not taken over: {_INSTEAD}.")
    persistent: set[str] = set()
    for name, written in groups.items():
        persistent |= _persistent(name, mapping(written, f"groups.{name}", notes), notes)
    return Groups(frozenset(persistent))


def _persistent(name: str, group: dict[str, Any], notes: Notes) -> set[str]:
    members = {str(member) for member in items(group.get("members"), f"groups.{name}", notes)}
    notes.left_out(f"groups.{name}.", group, ("members", "swap", "exclusive", "persistent"))
    if group.get("persistent") is True:
        notes.add(f"The models of the persistent group {name!r} became `pinned`.")
        return members
    if group.get("swap", True) and len(members) > 1:
        notes.add(
            f"That the models of the group {name!r} never run together is not taken over: "
            f"{_INSTEAD}."
        )
    elif not group.get("swap", True) or not group.get("exclusive", True):
        notes.add(f"The group {name!r} is not taken over: {_INSTEAD}.")
    return set()
