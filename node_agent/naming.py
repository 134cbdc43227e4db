"""Says whose fault it is where several workloads share a segment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import SliceplaneError
from node_agent.model import SegmentSpec, Tenant


@contextmanager
def named(spec: SegmentSpec, one: Tenant) -> Iterator[None]:
    """Errors of the closed set raised inside name the tenant; without tenants they stay as they are."""
    try:
        yield
    except SliceplaneError as error:
        if spec.tenants:
            error.within(f'tenant "{one.workload}"')
        raise
