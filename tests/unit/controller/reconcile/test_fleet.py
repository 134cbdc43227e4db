"""Why a GPU takes no new segment: one wording, for the plan and for the API."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.api.wire import gpu_out
from controller.model import Gpu
from controller.reconcile.fleet import fault_of, unschedulable_reason
from tests.strategies_reconcile import gpu

GOOD = gpu("n0", 1)


@pytest.mark.parametrize(
    ("of", "why", "faulty"),
    [
        (GOOD, "", False),
        (replace(GOOD, healthy=False, message="XID 79: lost"), "XID 79: lost", True),
        (replace(GOOD, healthy=False, cordoned=True), "its host reports it unhealthy", True),
        (replace(GOOD, mig_enabled=False), "MIG mode is off: nvidia-smi -mig 1, then reset the GPU", True),
        (replace(GOOD, mig_enabled=False, message="MIG mode is off: -i 1"), "MIG mode is off: -i 1", True),
        (replace(GOOD, cordoned=True), "it is cordoned: sliceplane uncordon n0/1", False),
        (replace(GOOD, product="Tesla T4"), "no MIG profiles are known for Tesla T4", False),
    ],
)
def test_what_keeps_segments_off_is_said(of: Gpu, why: str, faulty: bool) -> None:
    """The API says the reason; what already runs is fenced by faults alone."""
    assert unschedulable_reason(of) == why
    assert fault_of(of) == (why if faulty else "")
    assert (gpu_out(of).schedulable, gpu_out(of).unschedulable_reason) == (not why, why)
