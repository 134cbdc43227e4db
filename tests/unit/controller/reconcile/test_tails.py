"""Which version of a tail the devices are sent to."""

from dataclasses import replace

from controller.model import Endpoint, Segment, Serve, State
from controller.reconcile.tails import clients_reach
from tests.plane_values import segment
from tests.strategies_reconcile import digest, workload

ANSWERS = (Endpoint("h", 1, 2, ready=True),)


def _ready(number: int, version: int, throughput: float) -> Segment:
    one = replace(segment(f"s{number}", start=number), workload="a", serve=Serve.TAIL, model_digest=digest(version))
    return replace(one, state=State.READY, endpoints=ANSWERS, processes=1, throughput=throughput)


def test_devices_move_on_once_the_new_tails_cover_the_rate_as_the_planner_counts() -> None:
    """Three of 0.7 for 2.1: in floats a hair less than the rate, all that is planned; two are not enough."""
    wanted = workload("a", 2.1, version=2, serve=Serve.TAIL)
    old, new = [_ready(0, 1, 50.0)], [_ready(number, 2, 0.7) for number in (1, 2, 3)]
    assert sum(one.throughput for one in new) < 2.1
    assert clients_reach(wanted, old + new) == new
    assert clients_reach(wanted, old + new[:2]) == old
