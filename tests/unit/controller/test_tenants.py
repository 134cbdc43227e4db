"""What a segment gives to whom."""

from __future__ import annotations

from dataclasses import replace

from controller.tenants import Tenant, throughput_for, workloads_of
from tests.plane_values import segment


def test_a_segment_is_its_workloads_or_its_tenants() -> None:
    """Alone a workload has all of it; a shared one is nobody's but its tenants', whatever the group is called."""
    own = segment()
    assert workloads_of(own) == ("cat",)
    assert (throughput_for(own, "cat"), throughput_for(own, "dog")) == (20.0, 0.0)
    tenants = (Tenant("dog", "", 1, 1, 12.0, 5.0), Tenant("emu", "", 1, 64, 8.0, 5.0))
    shared = replace(own, tenants=tenants)
    assert workloads_of(shared) == ("dog", "emu")
    assert [throughput_for(shared, name) for name in ("cat", "dog", "emu")] == [0.0, 12.0, 8.0]
