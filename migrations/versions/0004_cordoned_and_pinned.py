"""What operators say of GPUs and segments: cordoned, pinned."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ADDED = (("gpus", "cordoned"), ("segments", "pinned"))


def upgrade() -> None:
    for table, name in ADDED:
        op.add_column(table, sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    for table, name in ADDED:
        op.drop_column(table, name)
