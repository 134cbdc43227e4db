"""The published layer's learned form: a strided convolution for the pooling, a transposed one for the copy.

ScissionLite (arXiv 2105.02019) down- and upsamples; all channels travel, on a map of half the height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from slicer.train.learned import HALVES, REACH, Learned, cropped, doubles, weights
from slicer.transfer_layer.layer import Layer, Step


class Strided(Learned):
    """As many channels travel as the cut has."""

    def __init__(self, channels: int, size: tuple[int, int], positive: bool) -> None:
        super().__init__(channels, size, 1, positive)
        self.down = nn.Conv2d(channels, channels, 3, 2, 1)
        self.up = nn.ConvTranspose2d(channels, channels, 2, 2)

    def encode(self, features: Tensor) -> Tensor:
        """What travels, not rounded yet: N×C×⌈H/2⌉×⌈W/2⌉."""
        sent: Tensor = self.down(features)
        return sent

    def decode(self, sent: Tensor) -> Tensor:
        """Features of the cut from what travelled."""
        found = cropped(self.up(sent), self.odd[0])
        return torch.relu(found) if self.positive else found

    def layer(self) -> Layer:
        """The same as ONNX nodes."""
        decoder = [Step("ConvTranspose", weights(self.up), doubles(self.odd[0]))]
        decoder += [Step("Relu")] if self.positive else []
        encoder = (Step("Conv", weights(self.down), HALVES),)
        return Layer("strided", encoder, tuple(decoder), self.sent, even=True, reach=REACH)
