"""Progress as a study tells it: under a candidate's name."""

from __future__ import annotations

from weighbridge.core.effects import Progress


class CandidateProgress:
    """Tells of a model under its candidate's name, as :class:`~.effects.Progress`.

    Several candidates may be one model at several addresses.
    """

    def __init__(self, progress: Progress, candidate: str, model: str) -> None:
        self._progress = progress
        self._candidate = candidate
        self._model = model

    def stage(self, title: str, total: int) -> None:
        """A new stage begins."""
        verb, _, rest = title.partition(" ")
        if rest == self._model or rest.startswith(f"{self._model} "):
            title = f"{verb} {self._candidate}{rest.removeprefix(self._model)}"
        self._progress.stage(title, total)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Some steps are done."""
        self._progress.advance(steps, note)
