"""``${…}`` in a configuration: what the gateway fills in, and what comes from the environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from weighbridge.core.routing import KeyEntry, ModelEntry, RouterConfig
from weighbridge.serve.config.faults import Fault, Path, near

PORT = "PORT"

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_SHORTEST_SECRET = 4
_ENVIRONMENT = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)")


def variables(text: str) -> tuple[str, ...]:
    """The names of what ``text`` wants filled in.

    >>> variables("serve --port ${PORT} --key ${env.KEY}")
    ('PORT', 'env.KEY')
    """
    return tuple(_VARIABLE.findall(text))


def filled_in(text: str, environment: Mapping[str, str]) -> str:
    """``text`` with every ``${env.NAME}`` that the environment has; the rest as it stands."""

    def value(match: re.Match[str]) -> str:
        name = _ENVIRONMENT.fullmatch(match[1])
        return environment.get(name[1], match[0]) if name else match[0]

    return _VARIABLE.sub(value, text)


def environment_name(text: str) -> str | None:
    """``NAME`` where ``text`` is ``${env.NAME}`` and nothing else."""
    match = _VARIABLE.fullmatch(text)
    name = _ENVIRONMENT.fullmatch(match[1]) if match else None
    return name[1] if name else None


def unknown_variables(
    text: str, path: Path, environment: Mapping[str, str], allowed: tuple[str, ...] = ()
) -> Iterator[Fault]:
    """Faults of what ``text`` wants filled in and nobody can."""
    for name in dict.fromkeys(variables(text)):
        variable = _ENVIRONMENT.fullmatch(name)
        if name in allowed:
            continue
        if variable is None:
            known = [*allowed, "env.NAME"]
            told = " and ".join(f"${{{each}}}" for each in known)
            yield Fault(path, f"`${{{name}}}` is unknown here{near(name, allowed)}; known: {told}")
        elif not environment.get(variable[1], "").strip():
            yield Fault(path, f"the environment variable {variable[1]} is not set, or is empty")


def texts(config: RouterConfig) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Every text in which ``${env.NAME}`` may stand, with what else may."""
    for name, entry in config.models.items():
        at = ("models", name)
        for key, said, allowed in (
            ("cmd", entry.cmd, (PORT,)),
            ("stop", entry.stop, (PORT,)),
            ("source", entry.source, ()),
        ):
            if said is not None:
                yield (*at, key), said, allowed
        yield from (((*at, "args", n), arg, ()) for n, arg in enumerate(entry.args))
        yield from (((*at, "env", key), said, (PORT,)) for key, said in entry.env.items())
        several = not isinstance(entry.url, str)
        for number, url in enumerate(entry.urls):
            yield ((*at, "url", number) if several else (*at, "url")), url, ()
    for number, key_entry in enumerate(config.keys):
        if isinstance(key_entry, str):
            yield ("keys", number), key_entry, ()
    for key in ("ledger", "log", "traces"):
        if getattr(config, key) is not None:
            yield (key,), getattr(config, key), ()


def without_values(text: str, config: RouterConfig, environment: Mapping[str, str]) -> str:
    """A message in which what came from the environment is a variable again: it may be secret."""
    for _, said, _ in texts(config):
        for name in variables(said):
            variable = _ENVIRONMENT.fullmatch(name)
            value = environment.get(variable[1], "") if variable else ""
            if len(value) >= _SHORTEST_SECRET:
                text = text.replace(value, f"${{{name}}}")
    return text


def without_variables(config: RouterConfig, environment: Mapping[str, str]) -> RouterConfig:
    """The configuration with every ``${env.NAME}`` filled in. Keys are left as they are."""

    def fill(text: str) -> str:
        return filled_in(text, environment)

    models = {name: _entry(entry, fill) for name, entry in config.models.items()}
    said = {key: getattr(config, key) for key in ("ledger", "log", "traces")}
    others = {key: fill(text) for key, text in said.items() if text is not None}
    return msgspec.structs.replace(config, models=models, **others)


def _entry(entry: ModelEntry, fill: Callable[[str], str]) -> ModelEntry:
    url: str | tuple[str, ...] | None = entry.url
    if url is not None:
        url = fill(url) if isinstance(url, str) else tuple(map(fill, url))
    return msgspec.structs.replace(
        entry,
        cmd=None if entry.cmd is None else fill(entry.cmd),
        stop=None if entry.stop is None else fill(entry.stop),
        source=None if entry.source is None else fill(entry.source),
        args=tuple(map(fill, entry.args)),
        env={name: fill(value) for name, value in entry.env.items()},
        url=url,
    )


def key_name(key: str | KeyEntry, number: int) -> str:
    """What a key is called: its name, the variable's that holds it, or its number from 1."""
    if isinstance(key, KeyEntry):
        return key.name
    return environment_name(key) or f"key-{number + 1}"
