"""Bundles of small models: what is in them, and what is refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from common.bundle import Bundle
from common.codec import LEVELS
from slicer import check, samples
from slicer.bundle import make
from slicer.model import SlicerError
from tests.unit.slicer import graphs
from tests.unit.slicer.test_cut import FLOAT

IMAGES = np.random.default_rng(0).normal(size=(6, 3, 8, 8)).astype(np.float32)


def _bundle(made: ModelProto, at: str, **more: object) -> Bundle:
    return Bundle.open(make(made, at, name="small", level="rans-4", **more))  # type: ignore[arg-type]


def test_a_bundle_says_what_is_in_it() -> None:
    """The manifest has model, cut with its id, ends with types and sizes, levels."""
    manifest = _bundle(graphs.chain(), "conv2").manifest
    assert (manifest.model, manifest.cut_id, manifest.default_level) == ("small", "2:conv2", "rans-4")
    assert (manifest.cut.name, manifest.cut.shape, manifest.tail_input) == ("conv2", ("N", 8, 6, 6), "conv2")
    assert [(t.name, t.dtype, t.shape) for t in manifest.inputs] == [("x", "float32", ("N", 3, 8, 8))]
    assert [(t.name, t.dtype, t.shape) for t in manifest.outputs] == [("y", "float32", ("N", 5))]
    assert set(manifest.levels) == set(LEVELS)
    assert not manifest.clips


def test_a_bundle_is_the_same_each_time() -> None:
    """Model, cut and samples decide every byte."""
    found = [{"x": IMAGES[:1]}, {"x": IMAGES[1:2]}]
    assert _bundle(graphs.chain(), "1", samples=found).digest == _bundle(graphs.chain(), "relu1", samples=found).digest


def test_the_halves_serve_the_model(tmp_path: Path) -> None:
    """A checked bundle: nothing lost between the halves, less lost the more bits, answers the same at 8."""
    path = tmp_path / "x.npz"
    np.savez(path, x=IMAGES)
    found = samples.read(path, graphs.chain())
    report = check.check(_bundle(graphs.chain(), "conv2", samples=found), found)
    assert report.samples == 6
    assert report.split_error <= 1e-5
    by_name = {one.level: one for one in report.levels}
    assert by_name["raw"].output_error == report.split_error
    errors = [by_name[f"rans-{bits}"].activation_error for bits in (8, 6, 5, 4, 3, 2)]
    assert errors == sorted(errors)
    assert by_name["rans-8"].agreement == 1.0
    assert by_name["rans-4"].mean_bytes < by_name["rans-8"].mean_bytes < report.raw_bytes


@pytest.mark.parametrize("name", [name for name in FLOAT if not name.startswith(("chain", "old"))])
def test_every_small_model_makes_a_bundle(name: str) -> None:
    """Whatever the graph, a bundle at its first cut opens, and its halves are the model."""
    bundle = _bundle(FLOAT[name], "0")
    inputs = {t.name: np.random.default_rng(1).normal(size=(1, 4)).astype(np.float32) for t in bundle.manifest.inputs}
    report = check.check(bundle, [inputs])
    assert report.split_error <= 1e-6


def test_sizes_are_open_where_the_inputs_make_them_move() -> None:
    """Where inference knows no shape, runs tell which sizes depend on open sizes of the inputs."""
    bundle = _bundle(graphs.shape_stays_live(), "c")
    assert bundle.manifest.cut.shape == ("N", 4)
    assert bundle.cut_shape == (None, 4)


def test_axis_0_must_be_the_batch() -> None:
    """A cut where axis 0 is something else is refused: the tail's server would mix requests up."""
    with pytest.raises(SlicerError, match="not the batch"):
        _bundle(graphs.transposed(), "t", shapes={"x": (1, 3, 4)})


def test_open_sizes_must_be_told() -> None:
    """A model with open sizes beyond the batch asks for them."""
    with pytest.raises(SlicerError, match="--shape x="):
        _bundle(graphs.transposed(), "t")


def test_an_unknown_level_is_refused() -> None:
    """The level to start with must be one of the codec's."""
    with pytest.raises(SlicerError, match="warp-9"):
        make(graphs.chain(), "0", name="small", level="warp-9")


def test_models_that_onnxruntime_cannot_run_are_refused() -> None:
    """An operator that does not exist here is a clear error, not a crash."""
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Warp", ["a"], ["y"], domain="nowhere")]
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4]) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "odd", value[:1], value[1:])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("nowhere", 1)]
    odd = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(odd)
    with pytest.raises(SlicerError, match="onnxruntime"):
        _bundle(odd, "a")
