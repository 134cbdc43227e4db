"""A real Postgres for tests: one server a session, an empty migrated database a test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from controller.store.embedded import EmbeddedPostgres
from controller.store.migrate import upgrade
from controller.store.tables import metadata
from controller.stores import Stores, opened

_numbers = itertools.count()


def _database(url: str, name: str) -> str:
    return url.replace("/postgres?", f"/{name}?")


def execute(url: str, *statements: str) -> None:
    """Runs statements, each on its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server of this session, with a migrated database `shared`."""
    # Not pytest's own folder: Postgres runs as another user under root, and its socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="slp-") as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = server.start()
        execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "CREATE DATABASE shared")
        upgrade(_database(url, "shared"))
        yield url
        server.stop()


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    """A database of its own, without tables."""
    name = f"test_{next(_numbers)}"
    execute(postgres_url, f"CREATE DATABASE {name}")
    yield _database(postgres_url, name)
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(postgres_url: str) -> str:
    """A migrated database with nothing in it (emptied, which is ten times as fast as a new one)."""
    url = _database(postgres_url, "shared")
    tables = ", ".join(metadata.tables)
    # Whoever a failed test left connected must neither hold a lock nor lead.
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shared' AND pid <> pg_backend_pid()"
    )
    start = "INSERT INTO plane VALUES (1, 0, 0, 0, 0, 0)"
    execute(url, others, f"TRUNCATE {tables} RESTART IDENTITY CASCADE", start)
    return url


@pytest.fixture
async def stores(database: str) -> AsyncIterator[Stores]:
    """The controller's stores on an empty database."""
    async with opened(database) as found:
        yield found
