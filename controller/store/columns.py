"""What the tables share: names of constraints, forms of names and digests, figures that are finite, closed sets."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import CheckConstraint, DateTime, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LABEL = "'^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'"
DIGEST = "'^sha256:[0-9a-f]{64}$'"
TIME = DateTime(timezone=True)


def positive(column: str) -> CheckConstraint:
    """Above 0 and finite."""
    # NaN sorts above Infinity in Postgres, so the upper bound refuses both.
    return CheckConstraint(f"{column} > 0 AND {column} < 'Infinity'", name=f"{column}_positive")


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """One of a closed set of words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
