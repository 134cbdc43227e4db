"""What devices refuse, and frames that they skip or drop."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ADDED = (
    ("refused_bundle_digest", sa.Text, ""),
    ("refusal", sa.Text, ""),
    ("frames_skipped", sa.BigInteger, "0"),
    ("frames_dropped", sa.BigInteger, "0"),
)


def upgrade() -> None:
    for name, kind, default in ADDED:
        op.add_column("devices", sa.Column(name, kind(), server_default=default, nullable=False))


def downgrade() -> None:
    for name, _, _ in reversed(ADDED):
        op.drop_column("devices", name)
