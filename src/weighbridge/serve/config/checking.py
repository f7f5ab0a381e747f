"""Reading and checking ``router.config.yaml`` as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import msgspec

from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import RouterConfig
from weighbridge.facts.documents import Loaded, load_yaml, read_text
from weighbridge.serve.config.addresses import address_faults
from weighbridge.serve.config.clients import client_faults
from weighbridge.serve.config.faults import Fault, FaultyConfigError, place
from weighbridge.serve.config.models import model_faults
from weighbridge.serve.config.names import Names, name_faults, names_of
from weighbridge.serve.config.resolved import with_digests
from weighbridge.serve.config.routes import route_faults
from weighbridge.serve.config.shape import fit
from weighbridge.serve.config.variables import (
    texts,
    unknown_variables,
    without_values,
    without_variables,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking a configuration.

    Attributes:
        written: as it stands in the file; None where it has faults.
        config: the same with variables filled in, and keys as digests.
        faults: all that cannot be, in the order of the file.
    """

    written: RouterConfig | None
    config: RouterConfig | None
    faults: tuple[Fault, ...] = ()


def read_config(
    path: FilePath, *, port: int | None = None, environment: Mapping[str, str] | None = None
) -> RouterConfig:
    """The configuration in ``path``, checked as a whole, with variables filled in.

    Keys are in it only as digests: see :func:`resolved.key_digests`.

    Args:
        path: the file.
        port: what the gateway will listen on instead of the first configured port.
        environment: where ``${env.NAME}`` comes from; the process's own where nothing is said.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it says something that cannot be; lists every fault found.
    """
    text = read_text(path)
    return _wanted(
        check_config(text, path.parent, origin=str(path), port=port, environment=environment),
        str(path),
    )


def parse_config(
    text: str, folder: FilePath, *, origin: str, environment: Mapping[str, str] | None = None
) -> RouterConfig:
    """Like :func:`read_config`, for text from ``origin``; sources are relative to ``folder``."""
    return _wanted(check_config(text, folder, origin=origin, environment=environment), origin)


def check_config(
    text: str,
    folder: FilePath,
    *,
    origin: str,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Checked:
    """All that is wrong with the configuration in ``text``.

    Raises:
        ConfigError: it is no YAML at all.
    """
    environment = os.environ if environment is None else environment
    loaded = load_yaml(text, origin=origin)
    kept, shape = fit(loaded.document, RouterConfig)
    written = None if kept is None else _converted(kept, origin)
    faults = [*shape]
    if written is not None:
        names = names_of(written, _dropped(loaded.document, written))
        found = config_faults(written, names, folder, port, environment)
        faults += [fault for fault in found if not _follows(fault, shape)]
    if faults or written is None:
        return Checked(None, None, _in_order(faults, loaded))
    config = with_digests(without_variables(written, environment), environment)
    return Checked(written, config)


def config_faults(
    config: RouterConfig,
    names: Names,
    folder: FilePath,
    port: int | None,
    environment: Mapping[str, str],
) -> Iterator[Fault]:
    """All that cannot be in a configuration of the right shape."""
    unfilled = list(_variable_faults(config, environment))
    yield from unfilled
    # Files and addresses are looked at as they will be; what stays unfilled has a fault already.
    places = {fault.path for fault in unfilled}
    filled = without_variables(config, environment)
    for found in (
        model_faults(filled, folder),
        name_faults(filled, names),
        route_faults(filled, names, folder),
        address_faults(filled, folder, port),
        client_faults(filled, names, folder, environment),
    ):
        for fault in found:
            if fault.path not in places:
                yield Fault(fault.path, without_values(fault.text, config, environment))


def _variable_faults(config: RouterConfig, environment: Mapping[str, str]) -> Iterator[Fault]:
    for path, text, allowed in texts(config):
        yield from unknown_variables(text, path, environment, allowed)
    for name, entry in config.models.items():
        variable = entry.key_env
        if entry.url is None or variable is None or not variable.isidentifier():
            continue
        if not environment.get(variable, "").strip():
            fault = f"the environment variable {variable} is not set, or is empty"
            yield Fault(("models", name, "key_env"), fault)


def _converted(kept: Any, origin: str) -> RouterConfig:  # noqa: ANN401 -- YAML
    try:
        return msgspec.convert(kept, RouterConfig)
    except msgspec.ValidationError as error:  # a shape that only the decoder knows
        raise ConfigError(f"{origin}: {error}.") from None


def _dropped(document: Any, config: RouterConfig) -> frozenset[str]:  # noqa: ANN401 -- YAML
    """Models that the file names, though what it says of them has the wrong shape."""
    models = document.get("models") if isinstance(document, dict) else None
    named = map(str, models) if isinstance(models, dict) else ()
    return frozenset(named) - frozenset(config.models)


def _follows(fault: Fault, shape: tuple[Fault, ...]) -> bool:
    """Whether a fault may be there only because of another one at, above or below its place."""
    return any(
        fault.path[: len(other.path)] == other.path or other.path[: len(fault.path)] == fault.path
        for other in shape
        if other.path
    )


def _in_order(faults: list[Fault], loaded: Loaded) -> tuple[Fault, ...]:
    lined = [Fault(fault.path, fault.text, loaded.line(fault.path)) for fault in faults]
    unique = {(fault.line, place(fault.path), fault.text): fault for fault in lined}
    return tuple(fault for _, fault in sorted(unique.items(), key=lambda item: item[0][0]))


def _wanted(checked: Checked, origin: str) -> RouterConfig:
    if checked.config is None:
        raise FaultyConfigError(origin, checked.faults)
    return checked.config
