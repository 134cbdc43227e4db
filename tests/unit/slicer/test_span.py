"""Spans between two cuts: what they are called, how often the layers between halve, which are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicer import span
from slicer.bundle import make
from slicer.model import SlicerError, Tensor
from slicer.run import Session
from slicer.transfer_layer.layer import shrunk
from tests.unit.slicer import graphs

EXAMPLE = {"x": np.random.default_rng(0).normal(size=(1, 3, 13, 10)).astype(np.float32)}


@pytest.mark.parametrize(("to", "skipped"), [("same", 0), ("relu2", 1), ("conv3", 2), ("relu3", 2), ("mean", 4)])
def test_a_span_names_both_cuts_and_counts_halvings(to: str, skipped: int) -> None:
    """The id tells where the head ends and where the tail begins; odd sides are halved and rounded up."""
    found = span.find(graphs.halving(), "relu1", to, EXAMPLE)
    assert found.replaces
    assert found.id == f"1:relu1>{found.later.index}:{to}"
    assert found.skipped == skipped


def test_the_halves_lack_what_lies_between() -> None:
    """The head ends in the one tensor, the tail goes on from the other, and nothing else is in them."""
    whole = graphs.halving()
    halves = span.find(whole, "relu1", "relu2", EXAMPLE).halves(whole)
    assert [node.op_type for node in halves.head.graph.node] == ["Conv", "Relu"]
    assert halves.tail.graph.node[0].input[0] == halves.tail.graph.input[0].name == "relu2"
    assert [held.name for held in halves.tail.graph.initializer] == ["w3", "w4"]
    front = span.find(whole, "relu2", None, EXAMPLE).halves(whole).head
    answer = Session(halves.tail)(Session(front)(EXAMPLE))["y"]
    assert np.array_equal(answer, Session(whole)(EXAMPLE)["y"])


def test_one_cut_is_a_span_as_well() -> None:
    """Nothing is replaced, its id is the cut's, and the input is one."""
    for at, name in (("relu1", "1:relu1"), ("input", "input")):
        found = span.find(graphs.halving(), at, None, EXAMPLE)
        assert (found.id, found.replaces, found.cut, found.skipped) == (name, False, found.later, 0)


@pytest.mark.parametrize("to", ["relu1", "conv1", "0"])
def test_the_later_cut_comes_later(to: str) -> None:
    """The same cut, and one before it, are told from others; so is a tensor that is no cut."""
    with pytest.raises(SlicerError, match=r'does not come after "1:relu1"'):
        span.find(graphs.halving(), "relu1", to, EXAMPLE)
    with pytest.raises(SlicerError, match='"w1" is no valid cut'):
        span.find(graphs.halving(), "relu1", "w1", EXAMPLE)


@pytest.mark.parametrize(
    ("pad", "to", "shapes"), [(0, "relu2", "Nx4x11x8, .*Nx6x5x3"), (1, "flat", "Nx4x13x10, .*Nx8")]
)
def test_sides_that_are_not_halved_are_refused(pad: int, to: str, shapes: str) -> None:
    """The message has both tensors, their shapes and what to do."""
    found = span.find(graphs.halving(pad), "relu1", to, EXAMPLE)
    with pytest.raises(SlicerError, match=f'"relu1" is {shapes}: .*name another later cut'):
        _ = found.skipped


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 9))
def test_halved_so_often(height: int, width: int, times: int) -> None:
    """The fewest halvings are found; another batch, or a side that is off by one, is none of them."""
    sides = [-(-height // 2**times), -(-width // 2**times)]
    cut = Tensor("a", "float32", ("N", 4, height, width))
    found = shrunk(cut, Tensor("b", "float32", ("", 7, *sides)))
    assert found is not None
    assert found <= times
    assert [-(-height // 2**found), -(-width // 2**found)] == sides
    assert shrunk(cut, Tensor("b", "float32", ("N", 7, height + 1, width))) is None
    fixed = Tensor("a", "float32", (2, 4, height, width))
    assert shrunk(fixed, Tensor("b", "float32", (1, 7, *sides))) is None


def test_only_a_trained_layer_replaces_others() -> None:
    """Without one there is nothing between the two tensors."""
    for layer in ("none", "pool"):
        with pytest.raises(SlicerError, match='train one from "relu1" to "relu2"'):
            make(graphs.halving(), "relu1", to="relu2", name="m", level="rans-4", layer=layer)
