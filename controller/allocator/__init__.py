"""The allocator: pure functions from services, profiles and what runs now to a plan and a placement."""

from controller.allocator.optimal import OPTIMAL, plan_optimal
from controller.allocator.plan_json import plan_to_json
from controller.allocator.planner import PARVAGPU, plan
from controller.allocator.profiles_csv import Problem, ProfileFiles, parse_profile_files
from controller.allocator.services import FieldError, services_from_documents
from controller.allocator.stability import rearrange
from controller.allocator.stability_types import Created, Gpu, Kept, Placement, Running, Shortage
from controller.allocator.types import (
    Options,
    Placed,
    Plan,
    Point,
    ProfileTable,
    Reason,
    Segment,
    Service,
    Unservable,
)

__all__ = [
    "OPTIMAL",
    "PARVAGPU",
    "Created",
    "FieldError",
    "Gpu",
    "Kept",
    "Options",
    "Placed",
    "Placement",
    "Plan",
    "Point",
    "Problem",
    "ProfileFiles",
    "ProfileTable",
    "Reason",
    "Running",
    "Segment",
    "Service",
    "Shortage",
    "Unservable",
    "parse_profile_files",
    "plan",
    "plan_optimal",
    "plan_to_json",
    "rearrange",
    "services_from_documents",
]
