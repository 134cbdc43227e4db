"""The reconcile core: pure functions from a snapshot and the time to what shall change."""

from controller.reconcile.decide import decide, preview
from controller.reconcile.desired import applied, node_spec, node_specs
from controller.reconcile.fleet import unschedulable_reason
from controller.reconcile.inputs import inputs_key
from controller.reconcile.options import ALGORITHMS, Options
from controller.reconcile.slots import capacity, serves
from controller.reconcile.tails import clients_reach, cuts_beside, served_digest

__all__ = [
    "ALGORITHMS",
    "Options",
    "applied",
    "capacity",
    "clients_reach",
    "cuts_beside",
    "decide",
    "inputs_key",
    "node_spec",
    "node_specs",
    "preview",
    "served_digest",
    "serves",
    "unschedulable_reason",
]
