"""What `plan -o json` printed is read back as what runs; every fault names its field."""

import json

import pytest

from common.mig import A100_80GB
from controller.allocator import Placed, Plan, Segment, plan_to_json
from controller.allocator.current_json import CurrentError, running_from_json
from controller.allocator.types import Tenant

TENANTS = (Tenant("b", 3.0, 1, 4.0, 3.0, 100.0), Tenant("c", 2.0, 1, 5.0, 2.0, 90.0))
SHARED = Segment("b+c", 1, 1, 1, 5.0, 5.0, revision="+", tenants=TENANTS)
OWN = Segment("a", 3, 8, 2, 120.5, 40.25)
PLAN = Plan("optimal", 2, (Placed(0, 4, OWN), Placed(1, 6, SHARED)), (), 1, 4, A100_80GB)


def _text(**changes: object) -> str:
    document = plan_to_json(PLAN, 1.0)
    document["segments"][0] |= changes
    return json.dumps(document)


def test_a_plan_is_read_back() -> None:
    """Segments, shared ones too, with their figures, GPUs and starts."""
    own, shared = running_from_json(_text())
    assert (own.id, own.gpu, own.start, own.segment, own.pinned) == ("s0", "0", 4, OWN, False)
    assert (shared.gpu, shared.start, shared.segment) == ("1", 6, SHARED)


def test_gpus_are_named_by_the_fleet() -> None:
    """A number is a place in the fleet; one past its end keeps its number, and is lost; a name stays."""
    assert [one.gpu for one in running_from_json(_text(), ["x"])] == ["x", "1"]
    assert running_from_json(_text(gpu="GPU-7"), ["x"])[0].gpu == "GPU-7"


def test_revisions_and_pins() -> None:
    """What runs has the revision that is said, and may be pinned by hand."""
    (own, _) = running_from_json(_text(pinned=True), revisions={"a": "sha256:1"})
    assert (own.segment.revision, own.pinned) == ("sha256:1", True)


def test_a_wide_instance_is_known_by_its_profile() -> None:
    """The GPCs are those of a plain one; where they are not the profile's, the line says so."""
    (own, _) = running_from_json(_text(gpcs=1, profile="1g.20gb"))
    assert own.segment.size == 21
    with pytest.raises(CurrentError, match=r"segments\[0\].gpcs: must be those of the profile, 1, got 2"):
        running_from_json(_text(gpcs=2, profile="1g.20gb"))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("gpu", -1, "segments[0].gpu: must be a whole number, at least 0, got -1"),
        ("gpu", "", 'segments[0].gpu: must be a name, got ""'),
        ("start", 1.5, "segments[0].start: must be a whole number, at least 0, got 1.5"),
        ("gpcs", True, "segments[0].gpcs: must be a whole number, at least 1, got true"),
        ("batch", 0, "segments[0].batch: must be a whole number, at least 1, got 0"),
        ("throughput", float("nan"), "segments[0].throughput: must be a number above 0, got NaN"),
        ("latency_ms", "40", 'segments[0].latency_ms: must be a number above 0, got "40"'),
        ("workload", ["a", "b"], 'segments[0].tenants: must be those of workload, ["a", "b"], in that order'),
        ("workload", None, "segments[0].workload: must be a name, got null"),
        ("pinned", "yes", 'segments[0].pinned: must be true or false, got "yes"'),
        ("tenants", [{}], "segments[0].tenants[0].workload: is missing"),
    ],
)
def test_a_bad_field_is_named(field: str, value: object, said: str) -> None:
    """Its path, what must be, and what is there."""
    with pytest.raises(CurrentError) as raised:
        running_from_json(_text(**{field: value}))
    assert str(raised.value) == said


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"segments": 3}', '{"segments": [4]}', '{"segments": [{}]}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    """With a line that says what to give."""
    with pytest.raises(CurrentError, match=r"plan -o json|segments\[0\]"):
        running_from_json(text)
