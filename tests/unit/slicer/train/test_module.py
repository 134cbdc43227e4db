"""A torch module on the way to a bundle."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'sliceplane[train]'")

import torch
from torch import nn

from common.bundle import Bundle
from slicer.model import SlicerError
from slicer.run import Session
from slicer.train.module import exported
from slicer.train.settings import Settings
from slicer.train.train import train


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 4),
    )  # fmt: skip


def test_a_torch_module_is_cut_and_trained_as_any_model() -> None:
    """It infers as the module does in eval mode, for any batch, and a layer is trained in it."""
    made = _network().train()
    whole = exported(made, torch.zeros(1, 3, 17, 16))
    assert made.training
    images = np.random.default_rng(0).normal(size=(12, 3, 17, 16)).astype(np.float32)
    with torch.no_grad():
        expected = made.eval()(torch.from_numpy(images)).numpy()
    assert np.allclose(Session(whole)({"x": images})["y"], expected, atol=1e-5)
    samples = [{"x": one[None]} for one in images]
    bundle = Bundle.open(train(whole, "0", samples, Settings(channels=2, epochs=1, batch=4), name="m", level="rans-4"))
    assert bundle.manifest.cut.shape[1:] == (2, 5, 4)


def test_what_cannot_be_exported_is_told_in_a_line() -> None:
    """The message is torch's first line."""
    with pytest.raises(SlicerError, match="cannot export the module: mat1 and mat2"):
        exported(nn.Linear(4, 2), torch.zeros(1, 3))
