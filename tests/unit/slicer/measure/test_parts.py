"""The parts of measuring that need no model: spreads, which cuts are worth it, first blocks, and images."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import NodeProto

from common.codec import IMAGE_LEVELS
from slicer import graph
from slicer.cost import Layer
from slicer.measure.first_block import first_block
from slicer.measure.spread import spread, timed
from slicer.measure.subset import pick
from slicer.measure.upload import _input, _pixels, upload_costs
from slicer.model import CutPoint, SlicerError, Tensor
from slicer.pixels import GUESSED, Scaling
from tests.unit.slicer import graphs
from tests.unit.slicer.graphs import model, node


def _cut(index: int, elements: int, macs: int) -> CutPoint:
    return CutPoint(index, Tensor(f"t{index}", "float32", (elements,)), "Conv", index + 1, macs, 100)


@st.composite
def chains(draw: st.DrawFn) -> list[CutPoint]:
    """Cuts with growing work and any sizes."""
    steps = draw(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 3)), max_size=15))
    macs = 0
    found = []
    for index, (elements, more) in enumerate(steps):
        macs += more
        found.append(_cut(index, elements, macs))
    return found


def test_a_spread_is_median_percentile_and_deviation() -> None:
    """One slow run moves the percentile, not the median."""
    found = spread([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (found.median_ms, found.mad_ms, found.runs) == (3.0, 1.0, 5)
    assert 4.0 < found.p95_ms <= 100.0
    assert found.times(2).median_ms == 6.0


def test_work_is_warmed_up_and_repeated() -> None:
    """Two runs go before, and each timed run gets its number."""
    seen: list[int] = []
    assert timed(seen.append, 5).runs == 5
    assert seen == [0, 1, 0, 1, 2, 3, 4]


@given(chains(), st.integers(0, 15))
def test_picking_keeps_what_no_earlier_cut_undercuts(cuts: list[CutPoint], most: int) -> None:
    """Never more than asked, in order; with room, no cut is left out that is smaller than all before it."""
    found = pick(cuts, most)
    assert len(found) <= most
    assert [cut.index for cut in found] == sorted(cut.index for cut in found)
    if most == 15:
        for index, cut in enumerate(cuts):
            later = [one for one in cuts[index:] if one.head_macs == cut.head_macs]
            least = min(one.raw_bytes or 0 for one in later)
            if all((cut.raw_bytes or 0) < (one.raw_bytes or 0) for one in cuts[:index]) and least == cut.raw_bytes:
                assert any(one.head_macs == cut.head_macs for one in found)


def test_cuts_that_are_asked_for_are_picked() -> None:
    """However large they are; more than the limit is refused."""
    cuts = [_cut(0, 10, 1), _cut(1, 99, 2), _cut(2, 5, 3)]
    assert [cut.index for cut in pick(cuts, 2, [cuts[1]])] == [0, 1]
    with pytest.raises(SlicerError, match="--most 3"):
        pick(cuts, 2, cuts)


def _chain(*operators: str) -> list[NodeProto]:
    return [node(operator, f"t{i}", f"t{i + 1}") for i, operator in enumerate(operators)]


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        (_chain("Pad", "Conv", "BatchNormalization", "Relu", "MaxPool", "Conv"), Layer("t4", 4)),
        (_chain("Conv", "Conv"), Layer("t1", 1)),
        (_chain("Flatten", "MatMul", "Add", "Relu", "MatMul"), Layer("t4", 4)),
        (_chain("Relu", "MatMul", "Relu", "Conv", "Clip"), Layer("t5", 5)),
        (_chain("Relu", "MaxPool"), None),
        ([node("Conv", "x w", "c"), node("Sigmoid", "c", "s"), node("Mul", "c s", "m"), node("Conv", "m w", "y")],
         Layer("m", 3)),
        ([node("Conv", "x w", "a"), node("Conv", "x v", "b"), node("Relu", "a", "r"), node("Add", "r b", "y"),
          node("MaxPool", "y", "p")], Layer("y", 4)),
    ],
)  # fmt: skip
def test_the_first_block_ends_after_its_activation(nodes: list[NodeProto], found: Layer | None) -> None:
    """Convolution, normalisation, activation, in whatever nodes they are written; else the first matrix product."""
    assert first_block(nodes) == found


def test_the_first_block_of_a_model() -> None:
    """Counted as cuts count: the cut at its end has just as many nodes in the head."""
    nodes = graph.live_nodes(graphs.chain())
    assert first_block(nodes) == Layer("relu1", 2)


@pytest.mark.parametrize("shape", [(1, 3, 6, 5), (1, 6, 5, 3), (1, 1, 6, 5)])
def test_pixels_survive_the_way_to_the_input_and_back(shape: tuple[int, ...]) -> None:
    """Whatever the layout, bytes become an input and the same bytes again."""
    axis = 1 if shape[1] in (1, 3) else 3
    count = shape[axis]
    scaling = Scaling(1 / 255, tuple(0.1 * i for i in range(count)), (0.5,))
    value = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    back = partial(_input, axis=axis, scaling=scaling, dtype=np.dtype(np.float32))
    pixels = _pixels(value, axis, scaling)
    assert (pixels == value).all()
    assert back(pixels).shape == shape
    assert (_pixels(back(pixels), axis, scaling) == pixels).all()


class _Always:
    def agreement(self, values: list[object]) -> float | None:
        return float(len(values))


def test_images_have_raw_and_compressed_costs_and_others_none() -> None:
    """Raw is a byte an element and a few for the message; two images in one input are no image."""
    value = np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32)
    found = {cost.level: cost for cost in upload_costs([value], GUESSED, _Always(), 1.0, 3)}  # type: ignore[arg-type]
    assert 768 < found["u8"].size < 840
    assert list(found) == list(IMAGE_LEVELS)
    assert {cost.agreement for cost in found.values()} == {None}
    known = upload_costs([value], Scaling(), _Always(), 1.0, 3)  # type: ignore[arg-type]
    assert {cost.agreement for cost in known} == {1.0}
    for shape in ((2, 3, 8, 8), (1, 4, 8, 8), (1, 10)):
        assert upload_costs([np.zeros(shape, np.float32)], GUESSED, _Always(), 1.0, 3) == ()  # type: ignore[arg-type]


def test_models_of_one_node_have_a_first_block_or_none() -> None:
    """Nothing to cut is no error here."""
    assert first_block(graph.live_nodes(graphs.one_node())) is None
    only = model([node("MatMul", "x w", "y")], {"x": [1, 2]}, {"y": [1, 2]}, {"w": np.eye(2, dtype=np.float32)})
    assert first_block(graph.live_nodes(only)) == Layer("y", 1)
