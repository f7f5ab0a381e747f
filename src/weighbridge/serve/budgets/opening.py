"""Which ledger a configuration means."""

from __future__ import annotations

from pathlib import Path

from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import RouterConfig
from weighbridge.serve.budgets.ledger import Ledger

_POSTGRES = ("postgresql://", "postgres://")


def open_ledger(place: str | Path) -> Ledger:
    """The ledger at a path or a ``postgresql://`` address; not opened yet.

    Raises:
        ConfigError: it needs the extra that is not installed.
    """
    if not is_postgres(place):
        from weighbridge.serve.budgets.sqlite import SqliteLedger  # noqa: PLC0415

        return SqliteLedger(Path(place))
    try:
        from weighbridge.serve.budgets.postgres import PostgresLedger  # noqa: PLC0415 -- an extra
    except ImportError:
        raise ConfigError(
            "A ledger in PostgreSQL needs the extra `postgres`.",
            fix="Run pip install 'weighbridge[postgres]', or keep the ledger in a file.",
        ) from None
    return PostgresLedger(str(place))


def is_postgres(place: str | Path) -> bool:
    """Whether this is the address of a server and not a path."""
    return isinstance(place, str) and place.startswith(_POSTGRES)


def ledger_place(config: RouterConfig, folder: Path) -> str | Path:
    """Where a configuration that lies in ``folder`` keeps its spending."""
    if config.ledger is None:
        return folder / ".weighbridge" / "ledger.sqlite"
    return config.ledger if is_postgres(config.ledger) else folder / config.ledger
