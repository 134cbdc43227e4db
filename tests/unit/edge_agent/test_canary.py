"""The canary's verdicts on head and tail: exact without a Transfer Layer, only sound with one."""

from __future__ import annotations

import numpy as np

from common.canary import Sample
from common.errors import InvalidArgument, Violation
from edge_agent.canary import Run, Verdict, objection, verdict
from edge_agent.model import Tensors

SAMPLE: Tensors = {"x": np.ones((1, 4), np.float32)}


def _whole(_inputs: Tensors) -> Tensors:
    return {"y": np.array([[1.0, 2.0]], np.float32)}


def _near(_inputs: Tensors) -> Tensors:
    return {"y": np.array([[1.1, 2.0]], np.float32)}


def _broken(_inputs: Tensors) -> Tensors:
    return {"y": np.array([[np.nan, 2.0]], np.float32)}


def test_without_a_layer_head_and_tail_are_the_whole_model() -> None:
    """What is a little off is another model."""
    assert objection([SAMPLE], _whole, _whole, None, 0.0) == ""
    assert "off by" in objection([SAMPLE], _whole, _near, None, 0.0)


def test_with_a_layer_they_are_near_and_finite() -> None:
    """A trained layer loses something; what is no number or has another shape is refused all the same."""
    assert objection([SAMPLE], _whole, _near, None, 0.0, exact=False) == ""
    assert "not finite" in objection([SAMPLE], _whole, _broken, None, 0.0, exact=False)
    assert "do not give" in objection([SAMPLE], _whole, lambda _: {}, None, 0.0, exact=False)


def _fails(_inputs: Tensors) -> Tensors:
    raise InvalidArgument(Violation("inputs", "the model refuses them"))


def _about(_inputs: Tensors) -> Tensors:
    return {"y": np.array([[1.0, 2.05]], np.float32)}


def known(*, joined: float | None = None) -> list[Sample]:
    """A sample for which the whole model gave 1, 2 where the bundle was made."""
    gave = {} if joined is None else {"y": np.array([[joined, 2.0]], np.float32)}
    return [Sample(SAMPLE, _whole(SAMPLE), gave)]


def test_a_bundle_without_frames_is_tried_on_its_own_sample() -> None:
    """Its whole model must give what it gave where it was made, about; head and tail what the whole model gives."""
    assert verdict(known(), [], _whole, _whole, None, 0.0) == Verdict("", whole=True)
    assert verdict(known(), [], _about, _about, None, 0.0) == Verdict("", whole=True), "another machine"
    assert verdict([], [], _whole, _near, None, 0.0) == Verdict(), "an older bundle, and nothing to try it on"


def test_a_cut_that_disagrees_leaves_the_whole_model() -> None:
    """The tail is of another model: the bundle is refused, all of its model may run."""
    found = verdict(known(), [], _whole, _near, None, 0.0)
    assert found.whole
    assert 'head and tail give another "y"' in found.why
    assert verdict(known(), [], _whole, _fails, None, 0.0).whole


def test_another_whole_model_runs_nowhere() -> None:
    """What it gives is not what it gave, or nothing: damaged beyond what digests tell, or not for this device."""
    found = verdict(known(), [], lambda _: {"y": np.array([[2.0, 1.0]], np.float32)}, _whole, None, 0.0)
    assert not found.whole
    assert "off by 50%" in found.why
    empty: Run = lambda _: {}  # noqa: E731
    for broken in (_fails, _broken, empty):
        found = verdict(known(), [], broken, broken, None, 0.0)
        assert found.why
        assert not found.whole


def test_with_a_layer_head_and_tail_are_held_to_what_they_gave() -> None:
    """Not to the whole model: 1.1 where the bundle was made is right here, and wrong where that was 1.5."""
    assert verdict(known(joined=1.1), [], _whole, _near, None, 0.0, exact=False) == Verdict("", whole=True)
    assert "than where the bundle was made" in verdict(known(joined=1.5), [], _whole, _near, None, 0.0, exact=False).why


def test_frames_that_were_seen_count_before_the_sample() -> None:
    """For the agreement with the bundle that runs."""
    old_says = {1.0: 0.0, 2.0: 1.0}

    def old(inputs: Tensors) -> Tensors:
        first = float(np.asarray(inputs["x"]).flat[0])
        return {"y": np.array([[1 - old_says[first], old_says[first]]], np.float32)}

    seen: list[Tensors] = [{"x": np.full((1, 4), 2, np.float32)}]
    assert "names the classes" in verdict(known(), [], _whole, _whole, old, 0.5).why
    assert verdict(known(), seen, _whole, _whole, old, 0.5).why == ""
