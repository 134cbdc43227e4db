"""A learned bottleneck: strided convolutions, then few channels that travel, and the way back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from slicer.train.learned import HALVES, REACH, Learned, cropped, doubles, weights
from slicer.transfer_layer.layer import Layer, Step


class Bottleneck(Learned):
    """`sent` channels travel, on a map whose sides are halved `halvings` times.

    `made`: channels of the tensor that the decoder gives, and how often its sides are halved against the cut's, rounded
    up: so much less often the decoder doubles. None: the tensor cut at comes back.
    """

    def __init__(
        self,
        channels: int,
        sent: int,
        size: tuple[int, int],
        halvings: int,
        positive: bool,
        made: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(sent, size, halvings, positive)
        given, skipped = made or (channels, 0)
        self._doubled = self.odd[skipped:][::-1]
        self.shrink = nn.ModuleList(nn.Conv2d(channels, channels, 3, 2, 1) for _ in self.odd)
        self.narrow = nn.Conv2d(channels, sent, 1)
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(sent if number == 0 else given, given, 2, 2) for number in range(len(self._doubled))
        )
        self.widen = None if self._doubled else nn.Conv2d(sent, given, 3, 1, 1)
        self.mend = nn.Conv2d(given, given, 3, 1, 1)

    def encode(self, features: Tensor) -> Tensor:
        """What travels, not rounded yet: N×k×⌈H/2ⁿ⌉×⌈W/2ⁿ⌉."""
        for shrink in self.shrink:
            features = torch.relu(shrink(features))
        sent: Tensor = self.narrow(features)
        return sent

    def decode(self, sent: Tensor) -> Tensor:
        """Features of the cut, or of the later one, from what travelled."""
        if self.widen is not None:
            sent = torch.relu(self.widen(sent))
        for grow, odd in zip(self.grow, self._doubled, strict=True):
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
        if self.widen is not None:
            decoder += [Step("Conv", weights(self.widen), ones), Step("Relu")]
        for grow, odd in zip(self.grow, self._doubled, strict=True):
            decoder += [Step("ConvTranspose", weights(grow), doubles(odd)), Step("Relu")]
        decoder.append(Step("Conv", weights(self.mend), ones))
        decoder += [Step("Relu")] if self.positive else []
        return Layer("bottleneck", tuple(encoder), tuple(decoder), self.sent, len(self.odd), even=True, reach=REACH)
