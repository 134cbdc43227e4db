"""Differences of two plans."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.mig import A100_80GB
from controller.allocator import Options, Placed, Plan, ProfileTable, Segment, Service, plan, plan_to_json
from controller.allocator.explain import diff, diff_lines, outline, read_outline
from controller.allocator.explain.diff import Changed
from controller.allocator.explain.outline import Shape
from controller.allocator.types import Tenant
from tests import strategies_allocator as some


def _plan(*placed: Placed) -> Plan:
    gpcs = sum(one.segment.size for one in placed)
    return Plan("parvagpu", len({one.gpu for one in placed}), placed, (), 1, gpcs, A100_80GB)


def _at(gpu: int, start: int, size: int, batch: int = 8, name: str = "a") -> Placed:
    return Placed(gpu, start, Segment(name, size, batch, 1, 100.0, 10.0))


def test_segments_added_removed_changed_and_moved_are_told_apart() -> None:
    """A segment of equal size that runs otherwise is changed; one of equal shape elsewhere is moved."""
    before = _plan(_at(0, 0, 2), _at(0, 2, 1), _at(0, 4, 3))
    after = _plan(_at(0, 0, 2, batch=16), _at(1, 2, 1), _at(1, 0, 2))
    (one,) = diff(before, after).workloads
    assert (one.kept, one.moved) == (2, 2)
    assert (one.added, one.removed) == ((Shape(2, 16, 1),), (Shape(3, 8, 1),))
    (two,) = diff(before, _plan(_at(0, 0, 2, batch=16), _at(0, 2, 1), _at(0, 4, 3))).workloads
    assert two.changed == (Changed(Shape(2, 8, 1), Shape(2, 16, 1)),)
    assert (two.kept, two.moved, two.added, two.removed) == (2, 0, (), ())


def test_lines_say_what_differs_and_how_much_does_not() -> None:
    """Workloads as before are counted, not listed."""
    before = _plan(_at(0, 0, 2), _at(0, 4, 3, name="b"))
    lines = list(diff_lines(diff(before, _plan(_at(0, 4, 3, name="b"), _at(1, 0, 7)))))
    assert lines == [
        "GPUs 1 → 2, GPCs 5 → 10, bound 1 → 1",
        "a: GPCs 2 → 7; GPUs 1 → 1; + 1 × 7g batch 8 × 1; - 1 × 2g batch 8 × 1",
        "1 of 2 workloads as before",
    ]


def test_shared_segments_are_read_back_with_each_tenants_batch() -> None:
    """A shared segment is there once for each tenant."""
    tenants = (Tenant("a", 5.0, 1, 20.0, 5.0), Tenant("b", 5.0, 4, 20.0, 5.0))
    made = _plan(Placed(0, 0, Segment("a+b", 1, 4, 1, 10.0, 20.0, tenants=tenants)))
    read = read_outline("p.json", json.dumps(plan_to_json(made, 1.0)))
    assert read == outline(made)
    assert [(one.workload, one.shape) for one in read.segments] == [
        ("a", Shape(1, 1, 1, ("b",))),
        ("b", Shape(1, 4, 1, ("a",))),
    ]


@given(some.services(), some.profiles(), some.options())
def test_a_plan_read_back_does_not_differ(
    services: list[Service], profiles: dict[str, ProfileTable], options: Options
) -> None:
    """JSON loses nothing that a diff looks at."""
    made = plan(services, profiles, options)
    read = read_outline("p.json", json.dumps(plan_to_json(made, 1.0)))
    found = diff(made, read)
    assert all(one.same and one.moved == 0 for one in found.workloads)
    assert len(list(diff_lines(found))) == 2


@given(some.services(), some.profiles(), st.sampled_from((1, 3)))
def test_a_diff_adds_up_both_ways(services: list[Service], profiles: dict[str, ProfileTable], processes: int) -> None:
    """What one way adds the other removes, and every segment is in exactly one list."""
    before, after = plan(services, profiles), plan(services[1:], profiles, Options(max_processes=processes))
    there, back = diff(before, after).workloads, diff(after, before).workloads
    for one, other in zip(there, back, strict=True):
        assert (one.added, one.removed, one.kept) == (other.removed, other.added, other.kept)
        stood = sum(placed.segment.service == one.workload for placed in before.placed)
        assert stood == one.kept + len(one.removed) + len(one.changed)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "p.json:1:2: not JSON"),
        ("[]", "p.json: the document must be a mapping"),
        ('{"segments": 1}', "p.json: segments must be a list, got 1"),
        ('{"segments": [{"start": "x"}]}', "p.json: gpus is missing"),
        (
            '{"gpus": 1, "gpcs": 1, "lower_bound": 1, "segments": [{"start": "x"}]}',
            "segments[0].start must be a whole number",
        ),
        ('{"gpus": 1, "gpcs": 1, "lower_bound": 1, "segments": [], "unservable": [3]}', "unservable[0] must be a map"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(text: str, says: str) -> None:
    """File, place and what is wrong."""
    with pytest.raises(ValueError) as caught:
        read_outline("p.json", text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "plan -o json" in str(caught.value)
