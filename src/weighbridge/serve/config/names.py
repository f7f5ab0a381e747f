"""The names of a configuration: models, their aliases, and where fallbacks lead."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from weighbridge.core.routing import AUTO, RouterConfig
from weighbridge.serve.config.faults import Fault, Path, near

LEARNED = "learned"


@dataclass(frozen=True, slots=True)
class Names:
    """By which names models go.

    Attributes:
        models: canonical name by every name, a model's own included.
        dropped: models that the file names but that are too wrong to be looked at: naming them is
            no fault of its own.
    """

    models: Mapping[str, str]
    dropped: Collection[str] = ()

    def unknown(self, name: str, path: Path) -> Iterator[Fault]:
        """The fault of naming a model that does not exist."""
        if name not in self.models and name not in self.dropped:
            known = [*self.models, *self.dropped]
            yield Fault(path, f"{name!r} is no model and no alias{near(name, known)}")

    def canonical(self, name: str) -> str:
        """The model's own name, or ``name`` where there is no such model."""
        return self.models.get(name, name)


def names_of(config: RouterConfig, dropped: Collection[str] = ()) -> Names:
    """The names of ``config``; of an alias that two models claim, the first counts."""
    models = {name: name for name in config.models}
    for name, entry in config.models.items():
        for alias in entry.aliases:
            models.setdefault(alias, name)
    return Names(models, dropped)


def canonical_names(config: RouterConfig) -> dict[str, str]:
    """The model's own name for every name by which clients may ask for it."""
    return dict(names_of(config).models)


def merged_fallbacks(config: RouterConfig) -> dict[str, tuple[str, ...]]:
    """Per model, by canonical names, what to ask instead when it cannot answer; each name once."""
    return _merged(config, config.fallbacks)


def merged_context_fallbacks(config: RouterConfig) -> dict[str, tuple[str, ...]]:
    """Likewise for prompts that are too long for the model."""
    return _merged(config, config.context_window_fallbacks)


def name_faults(config: RouterConfig, names: Names) -> Iterator[Fault]:
    """Names that stand for two things, and those that are taken."""
    owners: dict[str, str] = {name: name for name in config.models}
    for name, entry in config.models.items():
        at = ("models", name)
        if name in (AUTO, LEARNED):
            yield Fault(at, f"no model may be called {name!r}: {_TAKEN[name]}")
        if not name.strip():
            yield Fault(at, "a model's name may not be empty")
        for number, alias in enumerate(entry.aliases):
            here = (*at, "aliases", number)
            owner = owners.setdefault(alias, name)
            if alias in (AUTO, LEARNED):
                yield Fault(here, f"no model may be called {alias!r}: {_TAKEN[alias]}")
            elif alias in config.models:
                yield Fault(here, f"{alias!r} is already a model's name")
            elif owner != name or alias in entry.aliases[:number]:
                yield Fault(here, f"{alias!r} is already an alias of {owner!r}")
    for key, table in (
        ("fallbacks", config.fallbacks),
        ("context_window_fallbacks", config.context_window_fallbacks),
    ):
        yield from _fallback_faults(key, table, names)


_TAKEN = {
    AUTO: "that name asks for routing",
    LEARNED: "in `use` that name stands for the learned route's choice",
}


def _fallback_faults(
    key: str, table: Mapping[str, tuple[str, ...]], names: Names
) -> Iterator[Fault]:
    for name, others in table.items():
        yield from names.unknown(name, (key, name))
        for number, other in enumerate(others):
            here = (key, name, number)
            yield from names.unknown(other, here)
            if names.canonical(other) == names.canonical(name):
                yield Fault(here, "a model cannot stand in for itself")


def _merged(
    config: RouterConfig, table: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    names = names_of(config)
    merged: dict[str, tuple[str, ...]] = {}
    for name, others in table.items():
        model = names.canonical(name)
        found = [*merged.get(model, ()), *map(names.canonical, others)]
        merged[model] = tuple(dict.fromkeys(other for other in found if other != model))
    return merged
