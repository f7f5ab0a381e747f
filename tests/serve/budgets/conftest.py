"""Ledgers of both kinds, so that every promise is tested on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.serve.budgets.postgres import Cluster

Fresh = Callable[[], str | Path]


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    """One PostgreSQL for all tests that do not stop it."""
    from tests.serve.budgets.postgres import cluster  # noqa: PLC0415 -- may skip

    with cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where an empty ledger may be opened."""
    if request.param == "sqlite":
        return tmp_path / "folder" / "ledger.sqlite"
    return fresh_database(request.getfixturevalue("server"))


def fresh_database(server: Cluster) -> str:
    """The address of a server whose ledger is gone."""
    import psycopg  # noqa: PLC0415 -- an extra

    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return server.address
