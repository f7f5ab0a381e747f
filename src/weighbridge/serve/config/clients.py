"""Whether keys, budgets, capture, limits and the machine's memory are well described."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath

from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import Budget, KeyEntry, Redaction, RouterConfig
from weighbridge.serve.config import values
from weighbridge.serve.config.faults import Fault, Path, near
from weighbridge.serve.config.names import Names
from weighbridge.serve.config.programs import is_installed
from weighbridge.serve.config.variables import environment_name, key_name, variables
from weighbridge.serve.observing.tracing import EXPORTER, traces_url

_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHORTEST_KEY = 8
_MOST_WORKERS = 256


def client_faults(
    config: RouterConfig, names: Names, folder: FilePath, environment: Mapping[str, str]
) -> Iterator[Fault]:
    """The faults of all that concerns clients, and of the gateway's own resources."""
    yield from _keys(config, names, environment)
    for name, budget in config.budgets.items():
        yield from _budget(budget, ("budgets", name))
    yield from _capture(config, names)
    yield from _limits(config)
    yield from _machine(config)
    yield from _files(config, folder)
    yield from _traces(config, environment)
    yield from values.at_least(config.workers, 1, ("workers",))
    if config.workers > _MOST_WORKERS:
        yield Fault(("workers",), f"more than {_MOST_WORKERS} workers are no use")


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def token_of(key: str | KeyEntry, environment: Mapping[str, str]) -> str | None:
    """The token of a key that is not given as a digest; None where there is none."""
    if isinstance(key, KeyEntry):
        return None if key.env is None else environment.get(key.env, "").strip() or None
    variable = environment_name(key)
    return environment.get(variable, "").strip() or None if variable else key


def digest_of(key: str | KeyEntry, environment: Mapping[str, str]) -> bytes | None:
    """The digest of a key's token; None where the token is not to be had."""
    if isinstance(key, KeyEntry) and key.hash is not None:
        is_hash = _HASH.fullmatch(key.hash) is not None
        return bytes.fromhex(key.hash.removeprefix("sha256:")) if is_hash else None
    token = token_of(key, environment)
    return None if token is None else digest(token)


def _keys(config: RouterConfig, names: Names, environment: Mapping[str, str]) -> Iterator[Fault]:
    owners: dict[str, int] = {}
    digests: dict[bytes, int] = {}
    for number, key in enumerate(config.keys):
        at: Path = ("keys", number)
        if isinstance(key, KeyEntry):
            yield from _key_entry(key, at, config, names, environment)
        elif variables(key) and environment_name(key) is None:
            yield Fault(at, "a key is a token or `${env.NAME}`, not both joined")
        name = key_name(key, number)
        if owners.setdefault(name, number) != number:
            yield Fault(at, f"the key {owners[name] + 1} is called {name!r} too")
        token = token_of(key, environment)
        if token is not None and (len(token) < _SHORTEST_KEY or not token.isprintable()):
            fault = f"a token has at least {_SHORTEST_KEY} characters, all of them printable"
            yield Fault(at, f"{fault}; `weigh keys new` makes a good one")
        kept = digest_of(key, environment)
        if kept is not None and digests.setdefault(kept, number) != number:
            yield Fault(at, f"it has the same token as the key {digests[kept] + 1}")


def _key_entry(
    key: KeyEntry,
    at: Path,
    config: RouterConfig,
    names: Names,
    environment: Mapping[str, str],
) -> Iterator[Fault]:
    if not key.name.strip() or not key.name.isprintable():
        yield Fault((*at, "name"), "a key needs a name")
    if (key.hash is None) == (key.env is None):
        yield Fault(at, "it needs either `hash` or `env`")
    if key.hash is not None and not _HASH.fullmatch(key.hash):
        fault = "a hash is `sha256:` and 64 hexadecimal digits, as `weigh keys new` prints it"
        yield Fault((*at, "hash"), fault)
    if key.env is not None:
        yield from _key_variable(key.env, (*at, "env"), environment)
    for number, name in enumerate(key.models or ()):
        yield from names.unknown(name, (*at, "models", number))
    if key.rate is not None:
        if key.rate.requests_per_minute is None and key.rate.tokens_per_minute is None:
            yield Fault((*at, "rate"), "it limits nothing")
        for what in ("requests_per_minute", "tokens_per_minute"):
            yield from values.at_least(getattr(key.rate, what), 1, (*at, "rate", what))
    budget = config.budgets.get(key.budget) if isinstance(key.budget, str) else key.budget
    if budget is not None:
        yield from _unpriced(key, budget, at, config, names)
    if isinstance(key.budget, Budget):
        yield from _budget(key.budget, (*at, "budget"))
    elif key.budget is not None and budget is None:
        hint = near(key.budget, config.budgets)
        yield Fault((*at, "budget"), f"`budgets` has no {key.budget!r}{hint}")


def _unpriced(
    key: KeyEntry, budget: Budget, at: Path, config: RouterConfig, names: Names
) -> Iterator[Fault]:
    """Models that the key may use, and whose requests would be refused: nobody knows their cost."""
    if budget.usd is None:
        return
    may = config.models if key.models is None else {names.canonical(one) for one in key.models}
    found = [name for name, entry in config.models.items() if name in may and entry.price is None]
    if found:
        models = ", ".join(map(repr, found))
        yield Fault(
            (*at, "budget"),
            f"it is in dollars, and {models} {'has' if len(found) == 1 else 'have'} no `price`: "
            "write one (`price: {}` where tokens cost nothing), or name in the key's `models` "
            "only those that have one",
        )


def _key_variable(name: str, path: Path, environment: Mapping[str, str]) -> Iterator[Fault]:
    # Whoever put the token itself here must not see it printed.
    if not _VARIABLE.fullmatch(name):
        yield Fault(path, "`env` is the name of an environment variable, never a token")
    elif not environment.get(name, "").strip():
        yield Fault(path, "this environment variable is not set, or is empty")


def _budget(budget: Budget, at: Path) -> Iterator[Fault]:
    if budget.usd is None and budget.tokens is None:
        yield Fault(at, "it limits nothing: `usd` or `tokens` is missing")
    yield from values.at_least(budget.usd, 0, (*at, "usd"))
    yield from values.at_least(budget.tokens, 0, (*at, "tokens"))


def _capture(config: RouterConfig, names: Names) -> Iterator[Fault]:
    capture = config.capture
    if not 0 <= capture.share <= 1:
        yield Fault(("capture", "share"), "a share lies between 0 and 1")
    yield from values.size(capture.max_size, ("capture", "max_size"))
    for number, name in enumerate(capture.models or ()):
        yield from names.unknown(name, ("capture", "models", number))
    for number, rule in enumerate(capture.redact):
        if isinstance(rule, Redaction):
            yield from _redaction(rule, ("capture", "redact", number))


def _redaction(rule: Redaction, at: Path) -> Iterator[Fault]:
    path = (*at, "pattern")
    try:
        pattern = re.compile(rule.pattern)
    except (re.error, RecursionError, OverflowError) as error:
        yield Fault(path, f"this is no regular expression: {error}")
        return
    if pattern.match(""):
        yield Fault(path, "this matches nothing at all, so it would replace every gap")


def _limits(config: RouterConfig) -> Iterator[Fault]:
    limits = config.limits
    for key in ("header", "body"):
        yield from values.size(getattr(limits, key), ("limits", key))
    for key in ("read", "idle", "write", "first_byte", "between_bytes", "connect", "queue_wait"):
        yield from values.duration(getattr(limits, key), ("limits", key))
    yield from values.duration(limits.drain, ("limits", "drain"), zero=True)
    yield from values.at_least(limits.queue, 0, ("limits", "queue"))
    yield from values.at_least(limits.connections, 1, ("limits", "connections"))


def _machine(config: RouterConfig) -> Iterator[Fault]:
    yield from values.size_or_share(config.machine.memory, ("machine", "memory"))
    yield from values.size(config.machine.reserve, ("machine", "reserve"), zero=True)


def _traces(config: RouterConfig, environment: Mapping[str, str]) -> Iterator[Fault]:
    if config.traces is None or variables(config.traces):
        return
    try:
        traces_url(config.traces)
    except ConfigError as error:
        yield Fault(("traces",), f"this is no address: {error.fix.rstrip('.').lower()}")
    disabled = environment.get("OTEL_SDK_DISABLED", "").casefold() == "true"
    if not disabled and not is_installed(EXPORTER):
        fault = "OpenTelemetry is not installed; run pip install 'weighbridge[otel]'"
        yield Fault(("traces",), fault)


def _files(config: RouterConfig, folder: FilePath) -> Iterator[Fault]:
    if config.tls is not None:
        yield from values.file(folder, config.tls.certificate, ("tls", "certificate"))
        yield from values.file(folder, config.tls.key, ("tls", "key"))
    log = config.log
    if log is not None and log != "stderr" and not (folder / log).parent.is_dir():
        yield Fault(("log",), f"there is no folder {(folder / log).parent}")
    ledger = config.ledger
    if ledger is None or variables(ledger):
        return
    if "://" in ledger:
        # An address may hold a password: it is not printed.
        if not ledger.startswith(("postgresql://", "postgres://")):
            yield Fault(("ledger",), "this is no file and no postgresql:// address")
        elif not is_installed("psycopg"):
            fault = "a ledger in PostgreSQL needs pip install 'weighbridge[postgres]'"
            yield Fault(("ledger",), fault)
    elif not (folder / ledger).parent.is_dir():
        yield Fault(("ledger",), f"there is no folder {(folder / ledger).parent}")
