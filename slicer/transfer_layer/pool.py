"""The published Transfer Layer, without weights: 2×2 maximum on the device, nearest neighbour × 2 on the edge.

ScissionLite (arXiv 2105.02019) drops the last row of odd maps and gives back a smaller one; here the last window is
partial and the copy is cropped, so that the size is right.
"""

from __future__ import annotations

import numpy as np

from slicer.model import Tensor
from slicer.transfer_layer.layer import Layer, Samples, Step, sizes


def pool(cut: Tensor, _samples: Samples) -> Layer:
    """The layer for a tensor of N×C×H×W. Raises SlicerError for others."""
    _, channels, height, width = sizes(cut)
    windows = (("kernel_shape", [2, 2]), ("strides", [2, 2]))
    # A transposed convolution with ones, channel by channel, copies each value into 2×2; its padding crops. Unlike
    # Resize it is the same in every operator set.
    copies = Step(
        "ConvTranspose",
        (np.ones((channels, 1, 2, 2), np.float32),),
        (*windows, ("group", channels), ("pads", [0, 0, height % 2, width % 2])),
    )
    return Layer("pool", (Step("MaxPool", (), (*windows, ("auto_pad", "SAME_UPPER"))),), (copies,))
