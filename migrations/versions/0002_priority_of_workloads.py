"""Priority of workloads."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workloads", sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_check_constraint(op.f("ck_workloads_priority_not_negative"), "workloads", "priority >= 0")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_workloads_priority_not_negative"), "workloads", type_="check")
    op.drop_column("workloads", "priority")
