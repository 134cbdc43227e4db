"""The migrations lead to exactly the tables that the code expects."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, text

from controller.store.migrate import alembic_config, driver_url, upgrade
from controller.store.tables import metadata

# Every constraint and index with its full text: Alembic itself does not compare CHECKs.
RULES = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND conrelid::regclass::text <> 'alembic_version'
UNION ALL
SELECT tablename, indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
ORDER BY 1, 2, 3
"""


def _rules(url: str) -> list[tuple[str, ...]]:
    with create_engine(driver_url(url), poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(RULES))]


def test_migrated_schema_equals_the_metadata(database: str) -> None:
    """After every migration Alembic finds no difference from the tables in the code."""
    with create_engine(driver_url(database), poolclass=NullPool).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrated_constraints_equal_the_metadata(database: str, empty_database: str) -> None:
    """Every CHECK, UNIQUE, key and index reads the same after the migrations as after creating the tables."""
    engine = create_engine(driver_url(empty_database), poolclass=NullPool)
    with engine.begin() as connection:
        metadata.create_all(connection)
    migrated, created = _rules(database), _rules(empty_database)
    assert migrated == created
    assert len(migrated) > 40


def test_upgrade_runs_twice(database: str) -> None:
    """Upgrading an up-to-date database changes nothing."""
    before = _rules(database)
    upgrade(database)
    assert _rules(database) == before


def test_migrations_can_be_undone(empty_database: str) -> None:
    """Down to nothing and up again leads to the same schema, with the plane's one row."""
    upgrade(empty_database)
    before = _rules(empty_database)
    engine = create_engine(driver_url(empty_database), poolclass=NullPool)
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "base")
        connection.commit()
        assert _rules(empty_database) == []
    upgrade(empty_database)
    assert _rules(empty_database) == before
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM plane")).all() == [(1, 0, 0, 0, 0, 0)]
