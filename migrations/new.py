"""`make migration`: writes the revision that leads from the migrations so far to the tables as they are now."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import NullPool, create_engine

from controller.store.embedded import EmbeddedPostgres
from controller.store.migrate import alembic_config, driver_url, upgrade


def main(message: str) -> None:
    """Compares on a throw-away Postgres."""
    with tempfile.TemporaryDirectory() as directory:
        postgres = EmbeddedPostgres(Path(directory) / "pg")
        url = postgres.start()
        try:
            upgrade(url)
            with create_engine(driver_url(url), poolclass=NullPool).connect() as connection:
                config = alembic_config(connection)
                config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
                number = len(list(Path(__file__).parent.glob("versions/*.py"))) + 1
                command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        finally:
            postgres.stop()


if __name__ == "__main__":
    main(sys.argv[1])
