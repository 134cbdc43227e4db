"""The canary's verdicts on head and tail: exact without a Transfer Layer, only sound with one."""

from __future__ import annotations

import numpy as np

from edge_agent.canary import objection
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
