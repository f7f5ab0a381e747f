"""An evaluation that another tool made, before it becomes a run of ours."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.runs import ItemResult, content_hash


@dataclass(frozen=True, slots=True)
class Imported:
    """What a foreign file says.

    Attributes:
        suite: the task's name there.
        model: the model's name there, or nothing where the file does not say.
        items: results, an item's repeats side by side.
        origin: tool, metric and file.
        repeats: answers per item.
        wall_s: how long it took, 0 where the file does not say.
    """

    suite: str
    model: str
    items: tuple[ItemResult, ...]
    origin: str
    repeats: int = 1
    wall_s: float = 0.0

    @property
    def suite_hash(self) -> str:
        """Hash of the questions and golds, so that two models' files can be compared."""
        asked = {item.id: (item.prompt, item.expected) for item in self.items}
        return content_hash("imported", self.suite, sorted(asked.items()))
