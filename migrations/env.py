"""Alembic's entry: runs migrations on the connection it is given, with timeouts, so that none blocks the plane."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from controller.store.tables import metadata

# A migration that cannot get its lock at once would queue every reader behind it: fail, and be tried again.
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "5s", "60s"


def run(connection: Connection) -> None:
    """Runs what was asked for in one transaction."""
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is None:
    raise SystemExit('give a connection: use `make migration MESSAGE="..."`, or start a controller to upgrade')
run(given)
