"""The learned Transfer Layer: strided convolutions to few channels, and the way back; as torch and as ONNX steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from slicer.calibrate import steps
from slicer.train.density import Density
from slicer.transfer_layer.layer import Layer, Step

BITS = (8, 6, 5, 4, 3, 2)
REACH = 4.0
"""The largest magnitude that travels; the layer learns to scale what it sends to that."""


class Bottleneck(nn.Module):
    """C×H×W to k×⌈H/2ⁿ⌉×⌈W/2ⁿ⌉ and back, n `halvings`. `positive`: the teacher's features have no value below 0."""

    def __init__(self, channels: int, sent: int, size: tuple[int, int], halvings: int, positive: bool) -> None:
        super().__init__()
        self.sent, self.positive = sent, positive
        self.odd = [(-(-size[0] // 2**i) % 2, -(-size[1] // 2**i) % 2) for i in range(halvings)]
        self.shrink = nn.ModuleList(nn.Conv2d(channels, channels, 3, 2, 1) for _ in self.odd)
        self.narrow = nn.Conv2d(channels, sent, 1)
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(sent if number == 0 else channels, channels, 2, 2) for number in range(halvings)
        )
        self.mend = nn.Conv2d(channels, channels, 3, 1, 1)
        self.density = Density(sent)

    def forward(self, features: Tensor, bits: int) -> tuple[Tensor, Tensor]:
        """The features as they come out at a level of `bits`, and how many bits an element takes when coded."""
        sent = self.encode(features)
        return self.decode(quantised(sent, bits)), self.density(sent, steps(REACH, bits))

    def encode(self, features: Tensor) -> Tensor:
        """What travels, not rounded yet: N×k×⌈H/2ⁿ⌉×⌈W/2ⁿ⌉."""
        for shrink in self.shrink:
            features = torch.relu(shrink(features))
        sent: Tensor = self.narrow(features)
        return sent

    def decode(self, sent: Tensor) -> Tensor:
        """Features of the cut from what travelled."""
        for grow, odd in zip(self.grow, reversed(self.odd), strict=True):
            grown = grow(sent)
            sent = torch.relu(grown[:, :, : grown.shape[2] - odd[0], : grown.shape[3] - odd[1]])
        found: Tensor = self.mend(sent)
        return torch.relu(found) if self.positive else found

    def layer(self) -> Layer:
        """The same as ONNX nodes."""
        ones: tuple[tuple[str, Any], ...] = (("kernel_shape", [3, 3]), ("pads", [1, 1, 1, 1]))
        encoder, decoder = [], []
        for shrink in self.shrink:
            encoder += [Step("Conv", _weights(shrink), (*ones, ("strides", [2, 2]))), Step("Relu")]
        encoder.append(Step("Conv", _weights(self.narrow), (("kernel_shape", [1, 1]),)))
        for grow, odd in zip(self.grow, reversed(self.odd), strict=True):
            twice = (("kernel_shape", [2, 2]), ("strides", [2, 2]), ("pads", [0, 0, *odd]))
            decoder += [Step("ConvTranspose", _weights(grow), twice), Step("Relu")]
        decoder.append(Step("Conv", _weights(self.mend), ones))
        decoder += [Step("Relu")] if self.positive else []
        return Layer("learned", tuple(encoder), tuple(decoder), self.sent, len(self.odd), even=True, reach=REACH)


def quantised(sent: Tensor, bits: int) -> Tensor:
    """Rounded to the steps of that level, within reach; gradients pass as if it were not rounded."""
    step = steps(REACH, bits)
    kept = sent.clamp(-REACH, REACH + step)
    passed: Tensor = kept + (torch.round(kept / step) * step - kept).detach()
    return passed


def _weights(of: nn.Module) -> tuple[Any, ...]:
    return tuple(value.detach().numpy().copy() for value in of.parameters())
