"""Which tail workloads are cuts of one model, as their labels say."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.model import Serve, Workload
from controller.reconcile.tails import CUTS_OF, MOST_BESIDE, cuts_beside
from tests.strategies_reconcile import workload

LABELS = st.sampled_from([{}, {CUTS_OF: ""}, {CUTS_OF: "reader"}, {CUTS_OF: "x"}, {"other": "reader"}])
SPECS = st.lists(st.tuples(LABELS, st.sampled_from(Serve)), max_size=6)


def _workloads(specs: list[tuple[dict[str, str], Serve]]) -> list[Workload]:
    return [replace(workload(f"w{n}", 10, serve=serve), labels=labels) for n, (labels, serve) in enumerate(specs)]


@given(SPECS)
def test_the_same_label_is_mutual(specs: list[tuple[dict[str, str], Serve]]) -> None:
    """Each has all others of its label and none else; a workload without a label, or of a whole model, has none."""
    every = _workloads(specs)
    beside = {one.name: [other.name for other in cuts_beside(one, reversed(every))] for one in every}
    for one in every:
        assert one.name not in beside[one.name]
        assert beside[one.name] == sorted(beside[one.name])
        for other in every:
            alike = bool(one.labels.get(CUTS_OF)) and one.labels.get(CUTS_OF) == other.labels.get(CUTS_OF)
            tails = one.spec.serve is other.spec.serve is Serve.TAIL
            assert (other.name in beside[one.name]) == (alike and tails and one is not other)


def test_a_device_is_not_given_more_than_it_can_hold() -> None:
    """Each cut is a head in its memory."""
    every = _workloads([({CUTS_OF: "reader"}, Serve.TAIL)] * 20)
    assert len(cuts_beside(every[0], every)) == MOST_BESIDE
