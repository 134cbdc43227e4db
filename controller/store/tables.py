"""The tables; every rule that a row must keep is a constraint here, so that no bug above can break it.

Columns are named as the fields of controller.model. Times are UTC; rates in requests/s; latencies in ms.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from controller.model import Serve, State
from controller.store.columns import DIGEST, LABEL, TIME, one_of, positive
from controller.store.columns import metadata as metadata

# One row. Every writing transaction locks it first: writers go one after another, so that revisions are
# committed in their order, a decision can be checked against `basis`, and a deposed leader against `epoch`.
plane = Table(
    "plane",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("basis", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("compacted", BigInteger, nullable=False),  # changes up to this revision are gone
    Column("events_compacted", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single"),
    CheckConstraint("compacted <= revision AND events_compacted <= revision", name="compacted_past"),
)

# What a watch replays. `payload` is the resource as it was (deleted: as it last was).
changes = Table(
    "changes",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    one_of("kind", ("workload", "segment")),
    one_of("type", ("updated", "deleted")),
    Index(None, "kind", "revision"),
)

# Answers to mutations by the caller's request id, so that a repeat has one effect.
requests = Table(
    "requests",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("response", JSONB, nullable=False),
    Column("created", TIME, nullable=False, index=True),
)

models = Table(
    "models",
    metadata,
    Column("name", Text, primary_key=True),
    Column("etag", Text, nullable=False),
    Column("updated", TIME, nullable=False),
    CheckConstraint(f"name ~ {LABEL}", name="name_label"),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("model", Text, ForeignKey("models.name", ondelete="CASCADE"), primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),  # the highest is the newest
    Column("size_bytes", BigInteger, nullable=False),
    Column("format", Text, nullable=False),
    Column("inputs", JSONB, nullable=False),
    Column("outputs", JSONB, nullable=False),
    Column("batchable", Boolean, nullable=False),
    Column("uploaded", TIME, nullable=False),
    CheckConstraint(f"digest ~ {DIGEST}", name="digest_form"),
    CheckConstraint("size_bytes > 0", name="size_positive"),
    one_of("format", ("onnx", "bundle")),
    UniqueConstraint("model", "number"),
    Index(None, "digest"),
)

workloads = Table(
    "workloads",
    metadata,
    Column("name", Text, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("etag", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("labels", JSONB, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_digest", Text, nullable=False),  # as pinned by the operator; empty: not pinned
    Column("served_digest", Text, nullable=False),  # resolved when it was applied
    Column("rate", Double, nullable=False),
    Column("slo_ms", Double, nullable=False),
    Column("serve", Text, nullable=False),
    Column("max_processes", Integer, nullable=False),
    Column("profile", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("min_hosts", Integer, nullable=False, server_default=text("0")),
    Column("memory_mb", Double, nullable=False, server_default=text("0")),  # of one process; 0: not known
    Column("exclusive", Boolean, nullable=False, server_default=text("false")),
    Column("status", JSONB, nullable=False),
    Column("created", TIME, nullable=False),
    Column("updated", TIME, nullable=False),
    CheckConstraint(f"name ~ {LABEL}", name="name_label"),
    CheckConstraint("generation >= 1", name="generation_from_one"),
    CheckConstraint("max_processes >= 0", name="max_processes_not_negative"),
    CheckConstraint("priority >= 0", name="priority_not_negative"),
    CheckConstraint("min_hosts >= 0", name="min_hosts_not_negative"),
    CheckConstraint("memory_mb >= 0 AND memory_mb < 'Infinity'", name="memory_mb_not_negative"),
    CheckConstraint("model_digest IN ('', served_digest)", name="pin_is_served"),
    positive("rate"),
    positive("slo_ms"),
    one_of("serve", Serve),
    ForeignKeyConstraint(["model", "served_digest"], ["model_versions.model", "model_versions.digest"]),
    Index(None, "model", "served_digest"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("name", Text, primary_key=True),
    Column("gpu_product", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("etag", Text, nullable=False),
    Column("updated", TIME, nullable=False),
    CheckConstraint(f"name ~ {LABEL}", name="name_label"),
)

profile_points = Table(
    "profile_points",
    metadata,
    Column("profile", Text, ForeignKey("profiles.name", ondelete="CASCADE"), primary_key=True),
    Column("size", Integer, primary_key=True),
    Column("batch", Integer, primary_key=True),
    Column("processes", Integer, primary_key=True),
    Column("throughput", Double, nullable=False),
    Column("latency_ms", Double, nullable=False),
    CheckConstraint("size IN (1, 2, 3, 4, 7)", name="size_legal"),
    CheckConstraint("batch >= 1 AND processes >= 1", name="counts_positive"),
    positive("throughput"),
    positive("latency_ms"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("connected", Boolean, nullable=False),
    Column("last_seen", TIME),
    Column("agent_version", Text, nullable=False),
    Column("driver_version", Text, nullable=False),
    Column("conditions", JSONB, nullable=False),
    Column("observed", BigInteger, nullable=False),
    Column("desired", BigInteger, nullable=False),
    CheckConstraint(f"name ~ {LABEL}", name="name_label"),
    CheckConstraint("observed >= 0 AND desired >= 0", name="generations_not_negative"),
)

gpus = Table(
    "gpus",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("node", Text, ForeignKey("nodes.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("index", BigInteger, nullable=False),
    Column("product", Text, nullable=False),
    Column("memory_bytes", BigInteger, nullable=False),
    Column("mig_enabled", Boolean, nullable=False),
    Column("healthy", Boolean, nullable=False),
    Column("message", Text, nullable=False),
    Column("profiles", JSONB, nullable=False),
    Column("cordoned", Boolean, nullable=False, server_default="false"),
    CheckConstraint("index >= 0 AND memory_bytes >= 0", name="figures_not_negative"),
)

segments = Table(
    "segments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workload", Text, nullable=False, index=True),  # may outlive it while it drains
    Column("node", Text, ForeignKey("nodes.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("gpu_uuid", Text, ForeignKey("gpus.uuid", ondelete="CASCADE"), nullable=False, index=True),
    Column("gpu_index", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("gpcs", Integer, nullable=False),
    Column("memory_slices", Integer, nullable=False),
    Column("profile", Text, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("processes", Integer, nullable=False),
    Column("throughput", Double, nullable=False),
    Column("latency_ms", Double, nullable=False),
    Column("model_digest", Text, nullable=False),
    Column("serve", Text, nullable=False),
    Column("max_queue_delay_us", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("endpoints", JSONB, nullable=False),
    Column("mig_uuid", Text, nullable=False),
    Column("restarts", BigInteger, nullable=False),
    Column("drain_since", TIME),
    Column("gone", Boolean, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default="false"),
    Column("tenants", JSONB, nullable=False, server_default=text("'[]'")),  # who shares it
    CheckConstraint("start >= 0 AND memory_slices >= 1 AND start + memory_slices <= 8", name="slots_on_gpu"),
    CheckConstraint("gpcs IN (1, 2, 3, 4, 7)", name="gpcs_legal"),
    CheckConstraint("batch >= 1 AND processes >= 1", name="counts_positive"),
    CheckConstraint("max_queue_delay_us >= 0 AND restarts >= 0", name="counts_not_negative"),
    CheckConstraint("NOT gone OR state = 'removing'", name="gone_is_removing"),
    positive("throughput"),
    positive("latency_ms"),
    one_of("serve", Serve),
    one_of("state", State),
)

# The memory slices that the current plan has sold. Rows exist while a segment is neither DRAINING nor REMOVING:
# a planned segment may wait for the slices of one that drains, but no slice is ever promised to two.
segment_slots = Table(
    "segment_slots",
    metadata,
    Column("gpu_uuid", Text, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("segment_id", Text, ForeignKey("segments.id", ondelete="CASCADE"), nullable=False, index=True),
    CheckConstraint("slot BETWEEN 0 AND 7", name="slot_on_gpu"),
)

devices = Table(
    "devices",
    metadata,
    Column("name", Text, primary_key=True),
    Column("workload", Text, nullable=False),
    Column("connected", Boolean, nullable=False),
    Column("last_seen", TIME),
    Column("agent_version", Text, nullable=False),
    Column("bundle_digest", Text, nullable=False),
    Column("frames_split", BigInteger, nullable=False),
    Column("frames_local", BigInteger, nullable=False),
    Column("frames_failed", BigInteger, nullable=False),
    Column("bytes_sent", BigInteger, nullable=False),
    Column("level", Text, nullable=False),
    Column("latency_p50_ms", Double, nullable=False),
    Column("latency_p95_ms", Double, nullable=False),
    Column("refused_bundle_digest", Text, nullable=False, server_default=""),
    Column("refusal", Text, nullable=False, server_default=""),
    Column("frames_skipped", BigInteger, nullable=False, server_default="0"),
    Column("frames_dropped", BigInteger, nullable=False, server_default="0"),
    CheckConstraint(f"name ~ {LABEL}", name="name_label"),
)

plans = Table(
    "plans",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("created", TIME, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("gpus", Integer, nullable=False),
    Column("lower_bound", Integer, nullable=False),
    Column("gpcs", Integer, nullable=False),
    Column("segments", JSONB, nullable=False),
    Column("shortfalls", JSONB, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("elapsed_ms", Double, nullable=False),
    Column("inputs", Text, nullable=False),
    CheckConstraint("gpus >= 0 AND lower_bound >= 0 AND gpcs >= 0", name="counts_not_negative"),
)

events = Table(
    "events",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("time", TIME, nullable=False),
    Column("warning", Boolean, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index(None, "subject", "revision"),
)
