"""What `validate_only` says of the segments that would serve a workload."""

from __future__ import annotations

from controller.model import Plan, PlannedSegment
from controller.service.workloads import preview_lines
from controller.tenants import Tenant


def test_a_shared_segment_is_said_with_whom() -> None:
    """A line for each segment that serves the workload, its own or shared."""
    tenants = tuple(Tenant(name, "", 1, 1, 5.0, 4.0) for name in ("cat", "dog", "emu"))
    shared = PlannedSegment("n", "g", 0, 3, "1g.10gb", 1, "shared-1", 1, 1, 15.0, 4.0, "create", tenants=tenants)
    own = PlannedSegment("n", "g", 0, 0, "2g.20gb", 2, "ape", 4, 2, 40.0, 9.0, "keep")
    plan = Plan(0, None, "optimal", 1, 1, 3, (own, shared), (), "t")
    assert preview_lines("dog", plan) == ("n/0 start 3 1g.10gb 1×1 (create), shared with cat, emu",)
    assert preview_lines("ape", plan) == ("n/0 start 0 2g.20gb 4×2 (keep)",)
    assert preview_lines("shared-1", plan) == ()
