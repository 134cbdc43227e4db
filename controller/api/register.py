"""Adds the public services to a server."""

from __future__ import annotations

from dataclasses import dataclass

from common.rpc import server as rpc
from controller.api.event import EventServicer
from controller.api.fleet import FleetServicer
from controller.api.model import ModelServicer
from controller.api.plan import PlanServicer
from controller.api.profile import ProfileServicer
from controller.api.workload import WorkloadServicer
from controller.service.events import Events, Plans
from controller.service.fleet import Fleet
from controller.service.models import Models
from controller.service.profiles import Profiles
from controller.service.workloads import Workloads
from protos.sliceplane.event.v1.event_pb2_grpc import add_EventServiceServicer_to_server
from protos.sliceplane.fleet.v1.fleet_pb2_grpc import add_FleetServiceServicer_to_server
from protos.sliceplane.model.v1.model_pb2_grpc import add_ModelServiceServicer_to_server
from protos.sliceplane.plan.v1.plan_pb2_grpc import add_PlanServiceServicer_to_server
from protos.sliceplane.profile.v1.profile_pb2_grpc import add_ProfileServiceServicer_to_server
from protos.sliceplane.workload.v1.workload_pb2_grpc import add_WorkloadServiceServicer_to_server


@dataclass(frozen=True, slots=True)
class Services:
    """All that the public API offers."""

    workloads: Workloads
    models: Models
    profiles: Profiles
    fleet: Fleet
    plans: Plans
    events: Events


def register_api(server: rpc.Server, services: Services) -> None:
    """Adds every public service to `server`."""
    closing, name = server.closing, "sliceplane.{0}.v1.{1}Service".format
    workloads = WorkloadServicer(services.workloads, closing)
    rpc.add(server, name("workload", "Workload"), add_WorkloadServiceServicer_to_server, workloads)
    models = ModelServicer(services.models)
    rpc.add(server, name("model", "Model"), add_ModelServiceServicer_to_server, models)
    profiles = ProfileServicer(services.profiles)
    rpc.add(server, name("profile", "Profile"), add_ProfileServiceServicer_to_server, profiles)
    rpc.add(server, name("fleet", "Fleet"), add_FleetServiceServicer_to_server, FleetServicer(services.fleet, closing))
    plans = PlanServicer(services.plans, services.workloads)
    rpc.add(server, name("plan", "Plan"), add_PlanServiceServicer_to_server, plans)
    rpc.add(server, name("event", "Event"), add_EventServiceServicer_to_server, EventServicer(services.events, closing))
