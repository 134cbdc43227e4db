"""A learned bottleneck: strided convolutions, then few channels that travel, and the way back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from slicer.train.learned import HALVES, REACH, Learned, cropped, doubles, weights
from slicer.transfer_layer.layer import Layer, Step


class Bottleneck(Learned):
    """`sent` channels travel, on a map whose sides are halved `halvings` times."""

    def __init__(self, channels: int, sent: int, size: tuple[int, int], halvings: int, positive: bool) -> None:
        super().__init__(sent, size, halvings, positive)
        self.shrink = nn.ModuleList(nn.Conv2d(channels, channels, 3, 2, 1) for _ in self.odd)
        self.narrow = nn.Conv2d(channels, sent, 1)
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(sent if number == 0 else channels, channels, 2, 2) for number in range(halvings)
        )
        self.mend = nn.Conv2d(channels, channels, 3, 1, 1)

    def encode(self, features: Tensor) -> Tensor:
        """What travels, not rounded yet: N×k×⌈H/2ⁿ⌉×⌈W/2ⁿ⌉."""
        for shrink in self.shrink:
            features = torch.relu(shrink(features))
        sent: Tensor = self.narrow(features)
        return sent

    def decode(self, sent: Tensor) -> Tensor:
        """Features of the cut from what travelled."""
        for grow, odd in zip(self.grow, reversed(self.odd), strict=True):
            sent = torch.relu(cropped(grow(sent), odd))
        found: Tensor = self.mend(sent)
        return torch.relu(found) if self.positive else found

    def layer(self) -> Layer:
        """The same as ONNX nodes."""
        ones: tuple[tuple[str, Any], ...] = (("kernel_shape", [3, 3]), ("pads", [1, 1, 1, 1]))
        encoder, decoder = [], []
        for shrink in self.shrink:
            encoder += [Step("Conv", weights(shrink), HALVES), Step("Relu")]
        encoder.append(Step("Conv", weights(self.narrow), (("kernel_shape", [1, 1]),)))
        for grow, odd in zip(self.grow, reversed(self.odd), strict=True):
            decoder += [Step("ConvTranspose", weights(grow), doubles(odd)), Step("Relu")]
        decoder.append(Step("Conv", weights(self.mend), ones))
        decoder += [Step("Relu")] if self.positive else []
        return Layer("bottleneck", tuple(encoder), tuple(decoder), self.sent, len(self.odd), even=True, reach=REACH)
