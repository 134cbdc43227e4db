"""A real Postgres for tests: one server a session, a fresh migrated database a test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from controller.store.embedded import EmbeddedPostgres
from controller.store.migrate import upgrade
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
    """A server of this session, with a migrated database `template` to copy."""
    # Not pytest's own folder: Postgres runs as another user under root, and its socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="slp-") as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = server.start()
        execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "CREATE DATABASE template")
        upgrade(_database(url, "template"))
        yield url
        server.stop()


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    """A database without tables."""
    yield from _fresh(postgres_url, "template1")


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """A fresh migrated database."""
    yield from _fresh(postgres_url, "template")


def _fresh(url: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    execute(url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(url, name)
    execute(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def stores(database: str) -> AsyncIterator[Stores]:
    """The controller's stores on a fresh database."""
    async with opened(database) as found:
        yield found
