"""Principal components as a Transfer Layer: sizes, errors, steps, what is refused."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from common.bundle import Bundle
from common.codec import LEVELS, Limits, decode, encode
from slicer.bundle import activations, make
from slicer.calibrate import even, steps
from slicer.load import parse
from slicer.model import SlicerError
from slicer.run import Session

Floats = npt.NDArray[np.float32]


def _model(channels: int, height: int, width: int) -> ModelProto:
    shape = ["N", channels, height, width]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    nodes = [helper.make_node("Identity", ["x"], ["a"]), helper.make_node("Neg", ["a"], ["y"])]
    graph = helper.make_graph(nodes, "same", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _maps(seed: int, count: int, channels: int, height: int, width: int, kinds: int) -> list[dict[str, Floats]]:
    """Channels that are mixtures of a few maps, smooth enough that windows of 2×2 are nearly flat."""
    drawn = np.random.default_rng(seed)
    mixed = drawn.normal(size=(channels, kinds))
    coarse = drawn.normal(size=(count, kinds, -(-height // 4), -(-width // 4)))
    flat = np.repeat(np.repeat(coarse, 4, 2), 4, 3)[:, :, :height, :width]
    return [{"x": one[None].astype(np.float32)} for one in np.einsum("ck,nkhw->nchw", mixed, flat)]


def _through(bundle: Bundle, level: str, sample: dict[str, Floats]) -> tuple[int, Floats]:
    sent = activations(parse(bundle.head_bytes(), "head"), [sample])[0]
    payload = encode(sent, LEVELS[level], bundle.codec_params(LEVELS[level]))
    back = decode(payload, Limits(sent.size, sent.shape))
    return len(payload), Session(bundle.tail_bytes())({bundle.manifest.tail_input: back})["y"].astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.integers(2, 9), st.integers(1, 4))
def test_any_size_comes_back_as_it_was(height: int, width: int, channels: int) -> None:
    """With every component kept and 8 bits, what comes back is the tensor but for the rounding."""
    samples = _maps(0, 12, channels, height, width, channels)
    bundle = Bundle.open(make(_model(channels, height, width), "a", name="m", level="rans-8", samples=samples,
                              layer="principal"))  # fmt: skip
    found = _through(bundle, "rans-8", samples[0])[1]
    assert found.shape == (1, channels, height, width)
    spread = np.concatenate([one["x"] for one in samples]).std()
    assert np.sqrt(np.square(found + samples[0]["x"]).mean()) < 0.1 * spread


def test_fewer_bytes_for_less_error_where_channels_are_alike() -> None:
    """Sixteen mixtures of three maps travel in a quarter of the bytes that they take one by one."""
    samples = _maps(1, 40, 16, 16, 16, 3)
    made = {
        layer: Bundle.open(make(_model(16, 16, 16), "a", name="m", level="rans-5", samples=samples[:30], layer=layer))
        for layer in ("none", "principal")
    }
    levels = {"none": "rans-5", "principal": "rans-6"}
    found = {layer: [_through(bundle, levels[layer], one) for one in samples[30:]] for layer, bundle in made.items()}
    size = {layer: sum(length for length, _ in ways) for layer, ways in found.items()}
    lost = {
        layer: sum(float(np.square(y + one["x"]).sum()) for (_, y), one in zip(ways, samples[30:], strict=True))
        for layer, ways in found.items()
    }
    assert size["principal"] < size["none"] / 4
    assert lost["principal"] < lost["none"]


@given(st.floats(1e-3, 1e3))
def test_nothing_is_a_value_at_every_level(reach: float) -> None:
    """0, the mean of what travels, comes back as 0 but for float32's rounding; the reach is within the range."""
    for bits, params in even(reach).items():
        level = next(one for one in LEVELS.values() if one.bits == bits)
        back = decode(encode(np.zeros((1, 2, 4, 4), np.float32), level, params), Limits(32))
        assert np.abs(back).max() <= 1e-5 * reach
        assert params.hi[0] == pytest.approx(reach + steps(reach, bits), rel=1e-6)


def test_without_samples_it_is_refused() -> None:
    """There is nothing to take components from; the message says what to give."""
    with pytest.raises(SlicerError, match="give sample inputs"):
        make(_model(2, 4, 4), "a", name="m", level="rans-4", layer="principal")
