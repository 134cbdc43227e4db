"""Hosts, memory and exclusiveness of workloads."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ADDED = (("min_hosts", sa.Integer(), "0"), ("memory_mb", sa.Double(), "0"), ("exclusive", sa.Boolean(), "false"))
CHECKS = (("min_hosts", "min_hosts >= 0"), ("memory_mb", "memory_mb >= 0 AND memory_mb < 'Infinity'"))


def upgrade() -> None:
    for name, kind, default in ADDED:
        op.add_column("workloads", sa.Column(name, kind, server_default=sa.text(default), nullable=False))
    for name, check in CHECKS:
        op.create_check_constraint(op.f(f"ck_workloads_{name}_not_negative"), "workloads", check)


def downgrade() -> None:
    for name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_workloads_{name}_not_negative"), "workloads", type_="check")
    for name, _, _ in ADDED:
        op.drop_column("workloads", name)
