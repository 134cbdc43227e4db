"""Cutting: head and tail together are the model."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from slicer import graph, load, probe
from slicer.cut import Halves, split
from slicer.model import SlicerError
from slicer.run import Session
from tests.unit.slicer import graphs
from tests.unit.slicer.test_graph import CUTS

FLOAT = {name: made for name, (made, cuts) in CUTS.items() if cuts and name != "integers"}


def _halves(made: ModelProto, at: str) -> Halves:
    return split(made, graph.find(graph.cut_points(load.with_shapes(made, {})), at))


@pytest.mark.parametrize("name", FLOAT)
def test_head_and_tail_equal_the_whole(name: str) -> None:
    """At every cut both halves are valid models, and one after the other they give the whole's outputs exactly."""
    made = FLOAT[name]
    rng = np.random.default_rng(0)
    shapes = {v.name: (2, 3, 8, 8) if name.startswith(("chain", "old")) else (2, 4) for v in load.inputs(made)}
    values = {key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
    want = Session(made)(values)
    for cut in graph.cut_points(load.with_shapes(made, {})):
        halves = split(made, replace(cut, tensor=probe.known(made, cut.tensor, values)))
        for half in (halves.head, halves.tail):
            onnx.checker.check_model(half, full_check=True)
        given = {value.name: values[value.name] for value in load.inputs(halves.head)}
        (activation,) = Session(halves.head)(given).values()
        got = Session(halves.tail)({load.inputs(halves.tail)[0].name: activation})
        assert list(got) == list(want)
        for key, value in want.items():
            np.testing.assert_array_equal(got[key], value)


def test_each_half_holds_its_own_weights() -> None:
    """Weights go where they are used, and nowhere else."""
    halves = _halves(graphs.chain(), "relu1")
    assert [i.name for i in halves.head.graph.initializer] == ["w1"]
    assert [i.name for i in halves.tail.graph.initializer] == ["w2", "w3"]


def test_what_describes_the_model_stays() -> None:
    """Operator sets, IR version and metadata of the halves are the model's."""
    made = graphs.chain(ir=7)
    halves = _halves(made, "relu1")
    for half in (halves.head, halves.tail):
        assert half.ir_version == made.ir_version
        assert half.opset_import == made.opset_import
        assert half.metadata_props == made.metadata_props


def test_halves_are_cut_the_same_each_time() -> None:
    """The same model and cut give the same bytes."""
    one, two = (_halves(graphs.chain(), "relu1") for _ in range(2))
    assert load.serialise(one.head, "head") == load.serialise(two.head, "head")
    assert load.serialise(one.tail, "tail") == load.serialise(two.tail, "tail")


def test_the_ends_of_the_cut_fit() -> None:
    """The head's output and the tail's input are the cut tensor, float32, with its open sizes open."""
    halves = _halves(graphs.chain(), "conv2")
    (out,), (into,) = halves.head.graph.output, load.inputs(halves.tail)
    assert load.tensor(out) == load.tensor(into)
    assert load.tensor(out).shape == ("N", 8, 6, 6)


def test_a_cut_that_is_an_output_passes_through_the_tail() -> None:
    """Where the cut tensor is also a result, the tail gives it back under its name."""
    halves = _halves(graphs.two_outputs(), "b")
    assert [value.name for value in halves.tail.graph.output] == ["b", "y"]
    assert load.inputs(halves.tail)[0].name != "b"


def test_integers_are_not_carried() -> None:
    """A cut at a tensor that is no float32 is refused with its type."""
    with pytest.raises(SlicerError, match="int64"):
        _halves(graphs.integers(), "i")


@pytest.mark.parametrize("kind", [np.float16, np.int8, np.uint8, np.int16])
def test_types_that_float32_holds_are_carried_in_it(kind: type[np.generic]) -> None:
    """The head casts, the tail casts back, and nothing is lost; also where the tensor is a result itself."""
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    nodes = [graphs.node("Cast", "x", "a", to=number), graphs.node("Identity", "a", "b"),
             graphs.node("Cast", "b", "y", to=TensorProto.FLOAT)]  # fmt: skip
    made = graphs.model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]})
    made.graph.output.append(helper.make_tensor_value_info("b", number, ["N", 4]))
    values = {"x": np.array([[-3.0, 0.0, 100.0, 5.5]], np.float32).clip(0)}
    for at in ("a", "b"):
        halves = _halves(made, at)
        onnx.checker.check_model(halves.tail, full_check=True)
        (activation,) = Session(halves.head)(values).values()
        assert activation.dtype == np.float32
        got = Session(halves.tail)({load.inputs(halves.tail)[0].name: activation})
        for name, want in Session(made)(values).items():
            np.testing.assert_array_equal(got[name], want)
