"""The learned layer: torch and ONNX agree for all sizes, and the density says what coding costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

pytest.importorskip("torch", reason="training needs torch: pip install 'sliceplane[train]'")

import torch

from slicer.calibrate import steps
from slicer.run import Session
from slicer.train.bottleneck import Bottleneck
from slicer.train.density import Density
from slicer.train.learned import REACH, Learned, quantised
from slicer.train.strided import Strided
from slicer.transfer_layer.layer import Step, chain


def _run(parts: tuple[Step, ...], values: np.ndarray) -> np.ndarray:
    nodes, weights = chain(parts, "x", "y")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "part", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Session(model)({"x": values})["y"]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 19), st.integers(1, 19), st.integers(0, 3), st.booleans())
def test_torch_and_onnx_agree(height: int, width: int, halvings: int, positive: bool) -> None:
    """Encoder and decoder as ONNX steps give what the torch module gives; the size comes back whatever it is."""
    torch.manual_seed(height * 100 + width)
    made: Learned = Strided(5, (height, width), positive)
    if halvings:
        made = Bottleneck(5, 2, (height, width), halvings, positive)
    layer = made.layer()
    x = torch.randn(2, 5, height, width)
    with torch.no_grad():
        sent = made.encode(x)
        back = made.decode(sent)
    windows = 2 ** (halvings or 1)
    assert sent.shape == (2, layer.channels, -(-height // windows), -(-width // windows))
    assert back.shape == x.shape
    assert np.allclose(_run(layer.encoder, x.numpy()), sent.numpy(), atol=1e-5)
    assert np.allclose(_run(layer.decoder, sent.numpy()), back.numpy(), atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 19), st.integers(1, 19), st.integers(1, 3), st.integers(0, 3), st.booleans())
def test_a_later_tensor_comes_out_exactly(height: int, width: int, halvings: int, less: int, positive: bool) -> None:
    """Where it doubles less often than it halved, other channels come out on a map halved as often, odd or not."""
    torch.manual_seed(height * 100 + width)
    skipped = min(less, halvings)
    made = Bottleneck(5, 2, (height, width), halvings, positive, (7, skipped))
    layer = made.layer()
    x = torch.randn(2, 5, height, width)
    with torch.no_grad():
        sent = made.encode(x)
        back = made.decode(sent)
    assert sent.shape == (2, 2, -(-height // 2**halvings), -(-width // 2**halvings))
    assert back.shape == (2, 7, -(-height // 2**skipped), -(-width // 2**skipped))
    assert np.allclose(_run(layer.encoder, x.numpy()), sent.numpy(), atol=1e-5)
    assert np.allclose(_run(layer.decoder, sent.numpy()), back.numpy(), atol=1e-5)


@given(st.floats(-100, 100), st.sampled_from([8, 6, 5, 4, 3, 2]))
def test_quantised_values_are_a_step_apart(value: float, bits: int) -> None:
    """Within reach the error is at most half a step; beyond it the nearer end is given."""
    step = steps(REACH, bits)
    found = float(quantised(torch.tensor([value]), bits)[0])
    assert abs(found / step - round(found / step)) < 1e-3
    assert abs(found - min(max(value, -REACH), REACH + step)) <= step / 2 + 1e-4


def test_the_density_learns_what_coding_costs() -> None:
    """After some training the bits it names are near the entropy of the rounded values; never much below it."""
    torch.manual_seed(0)
    sent = torch.randn(64, 3, 8, 8) * torch.tensor([0.2, 0.7, 1.5])[:, None, None]
    density, step = Density(3), 0.25
    optimiser = torch.optim.Adam(density.parameters(), 0.02)
    first = density(sent, step).item()
    for _ in range(300):
        optimiser.zero_grad()
        density(sent, step).backward()
        optimiser.step()
    entropies = []
    for channel in range(3):
        _, counts = np.unique(np.rint(sent[:, channel].numpy() / step), return_counts=True)
        shares = counts / counts.sum()
        entropies.append(-(shares * np.log2(shares)).sum())
    assert abs(density(sent, step).item() - np.mean(entropies)) < 0.15 < first - np.mean(entropies)
