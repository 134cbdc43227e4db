"""The slicer on PP-OCR's three models, where `make install` has put them in build/."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from onnx import ModelProto

from common.bundle import Bundle
from slicer import check, graph, load
from slicer.bundle import make
from slicer.cut import split
from slicer.run import Session

MODELS = Path(__file__).parents[3] / "build/models/rapidocr_onnxruntime/models"
ORIENTATION = ("ch_ppocr_mobile_v2.0_cls_infer", (1, 3, 48, 192), 60)
DETECTION = ("ch_PP-OCRv4_det_infer", (1, 3, 160, 320), 50)
RECOGNITION = ("ch_PP-OCRv4_rec_infer", (1, 3, 48, 320), 212)
ALL = [ORIENTATION, DETECTION, RECOGNITION]


def _model(name: str) -> ModelProto:
    path = MODELS / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"needs {path.name} in build/models: run make install")
    return load.load(path)


def _image(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def _floats(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    return np.asarray(values, np.float32)


@pytest.mark.parametrize(("name", "shape", "cuts"), ALL)
def test_every_valid_cut_is_found(name: str, shape: tuple[int, ...], cuts: int) -> None:
    """The number of valid cuts is the published one, with sizes open as with sizes known."""
    made = _model(name)
    assert len(graph.cut_points(load.with_shapes(made, {}))) == cuts
    assert len(graph.cut_points(load.with_shapes(made, {"x": shape}))) == cuts


@pytest.mark.parametrize(("name", "shape", "cuts"), ALL)
def test_head_and_tail_equal_the_whole(name: str, shape: tuple[int, ...], cuts: int) -> None:
    """At cuts all along the model, head and tail give the whole's result to 1e-4."""
    made = _model(name)
    image = _image(shape)
    (want,) = Session(made)({"x": image}).values()
    found = graph.cut_points(load.with_shapes(made, {"x": shape}))
    for cut in (*found[:: cuts // 4], found[-1]):
        halves = split(made, cut)
        (got,) = Session(halves.tail)(Session(halves.head)({"x": image})).values()
        np.testing.assert_allclose(_floats(got), _floats(want), rtol=0, atol=1e-4, err_msg=cut.id)


def test_a_bundle_of_the_recogniser_keeps_its_answers() -> None:
    """Cut behind its pooling, the recogniser's batch and width stay open, and 8 bits change no class."""
    name, shape, _ = RECOGNITION
    samples = [{"x": _image(shape, seed)} for seed in range(4)]
    bundle = Bundle.open(make(_model(name), "swish_16.tmp_0", name="reader", level="rans-6", samples=samples))
    assert bundle.cut_shape == (None, 60, 1, None)
    report = check.check(bundle, samples)
    assert report.split_error <= 1e-4
    assert {one.level: one.agreement for one in report.levels}["rans-8"] == 1.0
