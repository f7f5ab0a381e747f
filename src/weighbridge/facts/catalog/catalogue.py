"""Our models and the user's own, as one list to look things up in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from weighbridge.core.errors import InputError
from weighbridge.facts.catalog.filters import Filter
from weighbridge.facts.catalog.lines import read_lines
from weighbridge.facts.catalog.model import CatalogueModel

_OURS = Path(__file__).with_name("models.jsonl")


@dataclass(frozen=True)
class Catalogue:
    """Models by name.

    Attributes:
        models: ours and the user's, in the order of their files.
        own: ids of those that are the user's.
    """

    models: tuple[CatalogueModel, ...]
    own: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.models)

    def find(self, name: str) -> CatalogueModel:
        """The model that ``name`` means: its id, or enough of it in any case and punctuation.

        Raises:
            InputError: none or several go by that name; says which are near.
        """
        wanted = _key(name)
        found = self._by_key.get(wanted) or self._by_key.get(wanted.rpartition("/")[2])
        if found is None and wanted:
            found = tuple(model for model in self.models if wanted in _key(model.id))
        if found and len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(model.id for model in found[:5])
            more = " …" if len(found) > 5 else ""
            raise InputError(
                f"{name!r} may mean {len(found)} models.", fix=f"Say which: {several}{more}."
            )
        raise InputError(f"The catalogue has no model {name!r}.", fix=self._suggest(wanted))

    def called(self, name: str) -> tuple[CatalogueModel, ...]:
        """The models of exactly that id, or that part of it after the slash, however spelt."""
        return self._by_key.get(_key(name), ())

    def near(self, name: str) -> tuple[str, ...]:
        """Ids that look like ``name``: for a slip of the finger."""
        import difflib  # noqa: PLC0415 -- only for a slip of the finger

        tails = {key.rpartition("/")[2]: models for key, models in self._by_key.items()}
        found = difflib.get_close_matches(_key(name).rpartition("/")[2], tails, n=3, cutoff=0.5)
        return tuple(dict.fromkeys(model.id for key in found for model in tails[key]))

    def filter(self, wanted: Filter) -> tuple[CatalogueModel, ...]:
        """The models that pass, in the order the filter asks for."""
        return wanted.apply(self.models)

    @cached_property
    def _by_key(self) -> dict[str, tuple[CatalogueModel, ...]]:
        table: dict[str, tuple[CatalogueModel, ...]] = {}
        for model in self.models:
            key = _key(model.id)
            for name in {key, key.rpartition("/")[2]}:
                table[name] = (*table.get(name, ()), model)
        # Meta dropped its name from those of its models after the first checkpoints were out.
        shorter = {key.removeprefix("meta-"): models for key, models in table.items()}
        return {key: models for key, models in shorter.items() if "/" not in key} | table

    def _suggest(self, wanted: str) -> str:
        near = self.near(wanted)
        hint = f"Nearest {'is' if len(near) == 1 else 'are'} {', '.join(near)}. " if near else ""
        return f"{hint}`weigh models` lists all; `weigh models add` adds one."


def load(own: Path | None = None) -> Catalogue:
    """Our catalogue; models of the user's file ``own``, if it is there, win over ours.

    Raises:
        InputError: the user's file cannot be read.
        FormatError: it has a line that is no model.
    """
    ours = read_lines(_OURS)
    theirs = read_lines(own) if own is not None and own.exists() else ()
    return merge(ours, theirs)


def merge(ours: Iterable[CatalogueModel], theirs: Iterable[CatalogueModel]) -> Catalogue:
    """Both lists as one; of two models with the same id the latter counts."""
    table = {model.id.lower(): model for model in ours}
    mine = {model.id.lower(): model for model in theirs}
    return Catalogue(tuple((table | mine).values()), frozenset(m.id for m in mine.values()))


def _key(name: str) -> str:
    """What two ways to write one name have in common.

    >>> _key("Qwen/Qwen3-8B") == _key("qwen/qwen3 8b")
    True
    """
    return re.sub(r"[\s_.-]+", "-", name.strip().lower())
