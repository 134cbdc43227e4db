"""The learned Transfer Layer: a strided convolution to few channels, and the way back; as torch and as ONNX steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from slicer.transfer_layer.layer import Layer, Step

BITS = (8, 6, 5, 4, 3, 2)
_SPREAD = 2.5  # standard deviations to each side that quantisation in training keeps; the bundle's ranges are measured


class Bottleneck(nn.Module):
    """C×H×W to k×⌈H/2⌉×⌈W/2⌉ and back. `positive`: the teacher's features have no value below 0."""

    def __init__(self, channels: int, sent: int, odd: tuple[int, int], positive: bool) -> None:
        super().__init__()
        self.odd, self.positive = odd, positive
        self.encode = nn.Conv2d(channels, sent, 3, 2, 1)
        self.grow = nn.ConvTranspose2d(sent, channels, 2, 2)
        self.mend = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, features: Tensor, bits: int) -> Tensor:
        """The features as they come out where `bits` of each element travel."""
        sent: Tensor = self.encode(features)
        return self.decode(quantised(sent, bits))

    def decode(self, sent: Tensor) -> Tensor:
        """Features of the cut from what travelled."""
        grown: Tensor = self.grow(sent)
        height, width = grown.shape[2] - self.odd[0], grown.shape[3] - self.odd[1]
        found: Tensor = self.mend(torch.relu(grown[:, :, :height, :width]))
        return torch.relu(found) if self.positive else found

    def layer(self) -> Layer:
        """The same as ONNX nodes."""
        twice: tuple[tuple[str, Any], ...] = (("kernel_shape", [2, 2]), ("strides", [2, 2]))
        ones = (("kernel_shape", [3, 3]), ("pads", [1, 1, 1, 1]))
        encoder = Step("Conv", _weights(self.encode), (*ones, ("strides", [2, 2])))
        grow = Step("ConvTranspose", _weights(self.grow), (*twice, ("pads", [0, 0, *self.odd])))
        end = (Step("Relu"),) if self.positive else ()
        decoder = (grow, Step("Relu"), Step("Conv", _weights(self.mend), ones), *end)
        return Layer("learned", (encoder,), decoder, self.encode.out_channels)


def quantised(sent: Tensor, bits: int) -> Tensor:
    """Rounded to 2^bits levels within the batch's range, channel by channel; gradients pass as if it were not."""
    mean = sent.detach().mean(dim=(0, 2, 3), keepdim=True)
    width = _SPREAD * sent.detach().std(dim=(0, 2, 3), keepdim=True).clamp_min(1e-6)
    kept = torch.maximum(torch.minimum(sent, mean + width), mean - width)
    step = 2 * width / (2**bits - 1)
    rounded = mean - width + torch.round((kept - mean + width) / step) * step
    passed: Tensor = kept + (rounded - kept).detach()
    return passed


def _weights(of: nn.Conv2d | nn.ConvTranspose2d) -> tuple[Any, ...]:
    return tuple(value.detach().numpy().copy() for value in (of.weight, of.bias) if value is not None)
