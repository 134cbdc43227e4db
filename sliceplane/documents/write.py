"""Writes a workload as the document that `apply -f` reads."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sliceplane.documents.read import API_VERSION, KIND
from sliceplane.types import Workload, WorkloadStatus


def workload_document(workload: Workload) -> dict[str, Any]:
    """Plain values, keys in reading order; fields at their default are left out, status only where observed."""
    metadata: dict[str, Any] = {"name": workload.name, "labels": dict(workload.labels), "etag": workload.etag}
    metadata |= {"uid": workload.uid, "generation": workload.generation}
    metadata |= {"created": workload.created, "updated": workload.updated}
    spec = asdict(workload.spec)
    spec |= {key: int(spec[key]) for key in ("rate", "slo_ms") if spec[key].is_integer()}
    hosts = spec.pop("min_hosts")
    spec["replicas"] = {"min_hosts": hosts} if hosts else {}
    ordered = {key: spec.pop(key) for key in ("model", "rate", "slo_ms", "serve")} | spec
    document = {"apiVersion": API_VERSION, "kind": KIND, "metadata": _said(metadata), "spec": _said(ordered)}
    observed = workload.status != WorkloadStatus()
    return document | ({"status": plain(asdict(workload.status))} if observed else {})


def plain(value: Any) -> Any:
    """The value with times as RFC 3339 text and tuples as lists, for JSON and YAML."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """What is not at its default."""
    return {key: plain(value) for key, value in fields.items() if value not in ("", 0, None, (), [], {})}
