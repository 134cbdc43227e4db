"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("kind IN ('workload', 'segment')", name=op.f("ck_changes_kind_known")),
        sa.CheckConstraint("type IN ('updated', 'deleted')", name=op.f("ck_changes_type_known")),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_kind_revision"), "changes", ["kind", "revision"], unique=False)
    op.create_table(
        "devices",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agent_version", sa.Text(), nullable=False),
        sa.Column("bundle_digest", sa.Text(), nullable=False),
        sa.Column("frames_split", sa.BigInteger(), nullable=False),
        sa.Column("frames_local", sa.BigInteger(), nullable=False),
        sa.Column("frames_failed", sa.BigInteger(), nullable=False),
        sa.Column("bytes_sent", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("latency_p50_ms", sa.Double(), nullable=False),
        sa.Column("latency_p95_ms", sa.Double(), nullable=False),
        sa.CheckConstraint("name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name=op.f("ck_devices_name_label")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_devices")),
    )
    op.create_table(
        "events",
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("warning", sa.Boolean(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_subject_revision"), "events", ["subject", "revision"], unique=False)
    op.create_table(
        "models",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name=op.f("ck_models_name_label")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_models")),
    )
    op.create_table(
        "nodes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agent_version", sa.Text(), nullable=False),
        sa.Column("driver_version", sa.Text(), nullable=False),
        sa.Column("conditions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("observed", sa.BigInteger(), nullable=False),
        sa.Column("desired", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name=op.f("ck_nodes_name_label")),
        sa.CheckConstraint("observed >= 0 AND desired >= 0", name=op.f("ck_nodes_generations_not_negative")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_nodes")),
    )
    op.create_table(
        "plane",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("compacted", sa.BigInteger(), nullable=False),
        sa.Column("events_compacted", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "compacted <= revision AND events_compacted <= revision", name=op.f("ck_plane_compacted_past")
        ),
        sa.CheckConstraint("id = 1", name=op.f("ck_plane_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plane")),
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("gpus", sa.Integer(), nullable=False),
        sa.Column("lower_bound", sa.Integer(), nullable=False),
        sa.Column("gpcs", sa.Integer(), nullable=False),
        sa.Column("segments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("shortfalls", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("elapsed_ms", sa.Double(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.CheckConstraint("gpus >= 0 AND lower_bound >= 0 AND gpcs >= 0", name=op.f("ck_plans_counts_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    op.create_table(
        "profiles",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("gpu_product", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name=op.f("ck_profiles_name_label")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_profiles")),
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("response", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_created"), "requests", ["created"], unique=False)
    op.create_table(
        "gpus",
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mig_enabled", sa.Boolean(), nullable=False),
        sa.Column("healthy", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("profiles", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("index >= 0 AND memory_bytes >= 0", name=op.f("ck_gpus_figures_not_negative")),
        sa.ForeignKeyConstraint(["node"], ["nodes.name"], name=op.f("fk_gpus_node"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_gpus")),
    )
    op.create_index(op.f("ix_gpus_node"), "gpus", ["node"], unique=False)
    op.create_table(
        "model_versions",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("batchable", sa.Boolean(), nullable=False),
        sa.Column("uploaded", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("digest ~ '^sha256:[0-9a-f]{64}$'", name=op.f("ck_model_versions_digest_form")),
        sa.CheckConstraint("format IN ('onnx', 'bundle')", name=op.f("ck_model_versions_format_known")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_model_versions_size_positive")),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name=op.f("fk_model_versions_model"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("model", "digest", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("model", "number", name=op.f("uq_model_versions_model_number")),
    )
    op.create_index(op.f("ix_model_versions_digest"), "model_versions", ["digest"], unique=False)
    op.create_table(
        "profile_points",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("processes", sa.Integer(), nullable=False),
        sa.Column("throughput", sa.Double(), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "latency_ms > 0 AND latency_ms < 'Infinity'", name=op.f("ck_profile_points_latency_ms_positive")
        ),
        sa.CheckConstraint(
            "throughput > 0 AND throughput < 'Infinity'", name=op.f("ck_profile_points_throughput_positive")
        ),
        sa.CheckConstraint("batch >= 1 AND processes >= 1", name=op.f("ck_profile_points_counts_positive")),
        sa.CheckConstraint("size IN (1, 2, 3, 4, 7)", name=op.f("ck_profile_points_size_legal")),
        sa.ForeignKeyConstraint(
            ["profile"], ["profiles.name"], name=op.f("fk_profile_points_profile"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("profile", "size", "batch", "processes", name=op.f("pk_profile_points")),
    )
    op.create_table(
        "segments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workload", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("gpu_uuid", sa.Text(), nullable=False),
        sa.Column("gpu_index", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("gpcs", sa.Integer(), nullable=False),
        sa.Column("memory_slices", sa.Integer(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("processes", sa.Integer(), nullable=False),
        sa.Column("throughput", sa.Double(), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("serve", sa.Text(), nullable=False),
        sa.Column("max_queue_delay_us", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("endpoints", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("mig_uuid", sa.Text(), nullable=False),
        sa.Column("restarts", sa.BigInteger(), nullable=False),
        sa.Column("drain_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.CheckConstraint("NOT gone OR state = 'removing'", name=op.f("ck_segments_gone_is_removing")),
        sa.CheckConstraint("latency_ms > 0 AND latency_ms < 'Infinity'", name=op.f("ck_segments_latency_ms_positive")),
        sa.CheckConstraint("serve IN ('whole', 'tail')", name=op.f("ck_segments_serve_known")),
        sa.CheckConstraint(
            "state IN ('planned', 'creating', 'ready', 'failed', 'draining', 'removing')",
            name=op.f("ck_segments_state_known"),
        ),
        sa.CheckConstraint("throughput > 0 AND throughput < 'Infinity'", name=op.f("ck_segments_throughput_positive")),
        sa.CheckConstraint("batch >= 1 AND processes >= 1", name=op.f("ck_segments_counts_positive")),
        sa.CheckConstraint("gpcs IN (1, 2, 3, 4, 7)", name=op.f("ck_segments_gpcs_legal")),
        sa.CheckConstraint("max_queue_delay_us >= 0 AND restarts >= 0", name=op.f("ck_segments_counts_not_negative")),
        sa.CheckConstraint(
            "start >= 0 AND memory_slices >= 1 AND start + memory_slices <= 8", name=op.f("ck_segments_slots_on_gpu")
        ),
        sa.ForeignKeyConstraint(["gpu_uuid"], ["gpus.uuid"], name=op.f("fk_segments_gpu_uuid"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["node"], ["nodes.name"], name=op.f("fk_segments_node"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
    )
    op.create_index(op.f("ix_segments_gpu_uuid"), "segments", ["gpu_uuid"], unique=False)
    op.create_index(op.f("ix_segments_node"), "segments", ["node"], unique=False)
    op.create_index(op.f("ix_segments_workload"), "segments", ["workload"], unique=False)
    op.create_table(
        "workloads",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("labels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("served_digest", sa.Text(), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.Column("slo_ms", sa.Double(), nullable=False),
        sa.Column("serve", sa.Text(), nullable=False),
        sa.Column("max_processes", sa.Integer(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("status", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("model_digest IN ('', served_digest)", name=op.f("ck_workloads_pin_is_served")),
        sa.CheckConstraint("name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name=op.f("ck_workloads_name_label")),
        sa.CheckConstraint("rate > 0 AND rate < 'Infinity'", name=op.f("ck_workloads_rate_positive")),
        sa.CheckConstraint("serve IN ('whole', 'tail')", name=op.f("ck_workloads_serve_known")),
        sa.CheckConstraint("slo_ms > 0 AND slo_ms < 'Infinity'", name=op.f("ck_workloads_slo_ms_positive")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_workloads_generation_from_one")),
        sa.CheckConstraint("max_processes >= 0", name=op.f("ck_workloads_max_processes_not_negative")),
        sa.ForeignKeyConstraint(
            ["model", "served_digest"],
            ["model_versions.model", "model_versions.digest"],
            name=op.f("fk_workloads_model_served_digest"),
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workloads")),
        sa.UniqueConstraint("uid", name=op.f("uq_workloads_uid")),
    )
    op.create_index(op.f("ix_workloads_model_served_digest"), "workloads", ["model", "served_digest"], unique=False)
    op.create_table(
        "segment_slots",
        sa.Column("gpu_uuid", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("segment_id", sa.Text(), nullable=False),
        sa.CheckConstraint("slot BETWEEN 0 AND 7", name=op.f("ck_segment_slots_slot_on_gpu")),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segments.id"], name=op.f("fk_segment_slots_segment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("gpu_uuid", "slot", name=op.f("pk_segment_slots")),
    )
    op.create_index(op.f("ix_segment_slots_segment_id"), "segment_slots", ["segment_id"], unique=False)
    op.execute("INSERT INTO plane (id, revision, basis, epoch, compacted, events_compacted) VALUES (1, 0, 0, 0, 0, 0)")


def downgrade() -> None:
    op.drop_index(op.f("ix_segment_slots_segment_id"), table_name="segment_slots")
    op.drop_table("segment_slots")
    op.drop_index(op.f("ix_workloads_model_served_digest"), table_name="workloads")
    op.drop_table("workloads")
    op.drop_index(op.f("ix_segments_workload"), table_name="segments")
    op.drop_index(op.f("ix_segments_node"), table_name="segments")
    op.drop_index(op.f("ix_segments_gpu_uuid"), table_name="segments")
    op.drop_table("segments")
    op.drop_table("profile_points")
    op.drop_index(op.f("ix_model_versions_digest"), table_name="model_versions")
    op.drop_table("model_versions")
    op.drop_index(op.f("ix_gpus_node"), table_name="gpus")
    op.drop_table("gpus")
    op.drop_index(op.f("ix_requests_created"), table_name="requests")
    op.drop_table("requests")
    op.drop_table("profiles")
    op.drop_table("plans")
    op.drop_table("plane")
    op.drop_table("nodes")
    op.drop_table("models")
    op.drop_index(op.f("ix_events_subject_revision"), table_name="events")
    op.drop_table("events")
    op.drop_table("devices")
    op.drop_index(op.f("ix_changes_kind_revision"), table_name="changes")
    op.drop_table("changes")
