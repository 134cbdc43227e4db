"""Serves PlanService."""

from __future__ import annotations

from typing import Any

from controller.api import wire
from controller.api.pages import fitting
from controller.service.events import Plans
from controller.service.workloads import Workloads
from protos.sliceplane.plan.v1 import plan_pb2 as pb
from protos.sliceplane.plan.v1 import plan_pb2_grpc


class PlanServicer(plan_pb2_grpc.PlanServiceServicer):
    """Decode, call, encode."""

    def __init__(self, plans: Plans, workloads: Workloads) -> None:
        self._plans, self._workloads = plans, workloads

    async def GetPlan(self, request: pb.GetPlanRequest, context: Any) -> pb.GetPlanResponse:
        """Reads one."""
        return pb.GetPlanResponse(plan=wire.plan_out(await self._plans.get(request.id)))

    async def ListPlans(self, request: pb.ListPlansRequest, context: Any) -> pb.ListPlansResponse:
        """Reads a page."""
        found, page = await fitting(self._plans.list, wire.plan_out, request.page_size, request.page_token)
        return pb.ListPlansResponse(plans=found, next_page_token=page.next_token)

    async def PreviewPlan(self, request: pb.PreviewPlanRequest, context: Any) -> pb.PreviewPlanResponse:
        """Computes a would-be plan."""
        asked = [wire.workload_in(workload, f"workloads[{i}]") for i, workload in enumerate(request.workloads)]
        plan = await self._workloads.preview(asked, tuple(request.deleted))
        return pb.PreviewPlanResponse(plan=wire.plan_out(plan))
