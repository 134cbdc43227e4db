"""Tenants of segments: the workloads that share one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tenants = sa.Column("tenants", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
    op.add_column("segments", tenants)


def downgrade() -> None:
    op.drop_column("segments", "tenants")
