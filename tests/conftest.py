"""Fixtures that every kind of test may use."""

from tests.postgres import database, empty_database, postgres_url, stores

__all__ = ["database", "empty_database", "postgres_url", "stores"]
