"""What all learned Transfer Layers have in common: what travels is rounded and its bits are counted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from slicer.calibrate import steps
from slicer.train.density import Density
from slicer.transfer_layer.layer import Layer

BITS = (8, 6, 5, 4, 3, 2)
REACH = 4.0
"""The largest magnitude that travels; the layer learns to scale what it sends to that."""

HALVES = (("kernel_shape", [3, 3]), ("pads", [1, 1, 1, 1]), ("strides", [2, 2]))
"""Attributes of the convolution that halves a map's sides, rounded up."""


class Learned(nn.Module):
    """C×H×W to k×⌈H/2ⁿ⌉×⌈W/2ⁿ⌉ and back. `sent`: k; `positive`: what comes back is to have no value below 0."""

    def __init__(self, sent: int, size: tuple[int, int], halvings: int, positive: bool) -> None:
        super().__init__()
        self.sent, self.positive = sent, positive
        self.odd = [(-(-size[0] // 2**i) % 2, -(-size[1] // 2**i) % 2) for i in range(halvings)]
        self.density = Density(sent)

    def forward(self, features: Tensor, bits: int) -> tuple[Tensor, Tensor]:
        """The features as they come out at a level of `bits`, and how many bits an element takes when coded."""
        sent = self.encode(features)
        return self.decode(quantised(sent, bits)), self.density(sent, steps(REACH, bits))

    def encode(self, features: Tensor) -> Tensor:
        """What travels, not rounded yet."""
        raise NotImplementedError

    def decode(self, sent: Tensor) -> Tensor:
        """Features of the cut from what travelled."""
        raise NotImplementedError

    def layer(self) -> Layer:
        """The same as ONNX nodes."""
        raise NotImplementedError


def cropped(grown: Tensor, odd: tuple[int, int]) -> Tensor:
    """Without the last row and column where the map had an odd number of them."""
    return grown[:, :, : grown.shape[2] - odd[0], : grown.shape[3] - odd[1]]


def doubles(odd: tuple[int, int]) -> tuple[tuple[str, Any], ...]:
    """Attributes of the transposed convolution that doubles a map's sides, cropped."""
    return (("kernel_shape", [2, 2]), ("strides", [2, 2]), ("pads", [0, 0, *odd]))


def quantised(sent: Tensor, bits: int) -> Tensor:
    """Rounded to the steps of that level, within reach; gradients pass as if it were not rounded."""
    step = steps(REACH, bits)
    kept = sent.clamp(-REACH, REACH + step)
    passed: Tensor = kept + (torch.round(kept / step) * step - kept).detach()
    return passed


def weights(of: nn.Module) -> tuple[Any, ...]:
    """Those of one convolution, as ONNX takes them."""
    return tuple(value.detach().numpy().copy() for value in of.parameters())
