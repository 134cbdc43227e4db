"""Brings the database's schema up to date at start, one replica at a time."""

from __future__ import annotations

import time
from importlib.util import find_spec

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, NullPool, create_engine, exc, text

from common.errors import FailedPrecondition, Unavailable

log = structlog.get_logger("store")

MIGRATION_LOCK = 0x51CE_0001


def driver_url(url: str) -> str:
    """`url` for SQLAlchemy: "postgresql://" and "postgres://" mean psycopg 3 here. FailedPrecondition if neither."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise FailedPrecondition("database-url", f'database URL must begin with "postgresql://", not "{scheme}"')
    return f"postgresql+psycopg://{rest}"


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the migrations that are installed beside this package."""
    spec = find_spec("migrations")
    if spec is None or not spec.submodule_search_locations:
        raise FailedPrecondition("migrations", "the package `migrations` is not installed: reinstall sliceplane")
    config = Config()
    config.set_main_option("script_location", next(iter(spec.submodule_search_locations)))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str, *, wait_s: float = 30.0) -> None:
    """Runs every missing migration; blocks. Waits up to `wait_s` for a database that is just starting.

    An advisory lock makes replicas take turns. Unavailable if the database does not answer.
    """
    engine = create_engine(driver_url(url), poolclass=NullPool, connect_args={"connect_timeout": 5})
    with _connected(engine.connect, wait_s) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        try:
            command.upgrade(alembic_config(connection), "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
    engine.dispose()


def _connected(connect: object, wait_s: float) -> Connection:
    give_up, said = time.monotonic() + wait_s, False
    while True:
        try:
            return connect()  # type: ignore[operator, no-any-return]
        except exc.OperationalError as error:
            reason = str(error.orig).strip().splitlines()[-1]
            if not said:
                log.warning("waiting for the database", why=reason, at_most_s=wait_s)
                said = True
            if time.monotonic() > give_up:
                raise Unavailable(f"the database does not answer: {reason}; check --database-url") from error
            time.sleep(0.3)
