"""The journal: what this agent is about to make and has made, on disk first, so that a crash forgets nothing."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.errors import Internal
from node_agent.model import Desired, Process, Record, SegmentSpec, Serve, Tenant, Unit

VERSION = 1


class Journal:
    """Records by segment id and the last desired state, in one JSON file that is replaced atomically."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.json"
        self.records: dict[str, Record] = {}
        self.desired = Desired()
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._load()

    def put(self, record: Record) -> None:
        """Writes a record, durably."""
        if self.records.get(record.spec.id) != record:
            self.records[record.spec.id] = record
            self._save()

    def drop(self, segment_id: str) -> None:
        """Erases a record, durably."""
        if self.records.pop(segment_id, None) is not None:
            self._save()

    def accept(self, desired: Desired) -> None:
        """Writes the desired state, durably."""
        if self.desired != desired:
            self.desired = desired
            self._save()

    def _save(self) -> None:
        fresh = self.path.with_suffix(".new")
        records = [asdict(record) for record in self.records.values()]
        with fresh.open("w") as file:
            json.dump({"version": VERSION, "desired": asdict(self.desired), "records": records}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _load(self) -> None:
        try:
            data = json.loads(self.path.read_text())
            if data["version"] != VERSION:
                raise ValueError(f"version {data['version']}")
            records = [_record(value) for value in data["records"]]
            self.desired = _desired(data["desired"])
        except (ValueError, KeyError, TypeError) as error:
            raise Internal(f"{self.path} cannot be read ({error}): move it away to start afresh") from error
        self.records = {record.spec.id: record for record in records}


def _spec(value: dict[str, Any]) -> SegmentSpec:
    tenants = tuple(Tenant(**tenant) for tenant in value.get("tenants", ()))  # older journals know of none
    return SegmentSpec(**{**value, "serve": Serve(value["serve"]), "tenants": tenants})


def _desired(value: dict[str, Any]) -> Desired:
    return Desired(value["epoch"], value["generation"], tuple(_spec(s) for s in value["segments"]))


def _process(value: dict[str, Any] | None) -> Process | None:
    return Process(**value) if value else None


def _record(value: dict[str, Any]) -> Record:
    units = [Unit(**{**u, "triton": _process(u["triton"]), "tail": _process(u["tail"])}) for u in value["units"]]
    made = {"spec": _spec(value["spec"]), "units": tuple(units), "mps": _process(value["mps"])}
    return Record(**{**value, **made})
