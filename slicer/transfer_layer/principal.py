"""A Transfer Layer that needs no training: the principal components of the tensor's 2×2 windows, from samples.

Neighbouring channels and pixels say much the same. The components do not (Karhunen-Loève), so that steps of one size
for all of them give the least error for the bits (reverse water-filling): a strong component then uses many levels,
a weak one few, and the entropy coder makes of that what it is worth. Both ways are one linear operator.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slicer.model import SlicerError, Tensor
from slicer.transfer_layer.layer import Floats, Layer, Samples, Step, sizes

_KEPT = 0.999  # of the variance; what is left is finer than any level's steps
_WINDOWS = 200_000  # that are looked at


def principal(cut: Tensor, samples: Samples) -> Layer:
    """The layer for a tensor of N×C×H×W, of which there are `samples`. Raises SlicerError for others."""
    _, channels, height, width = sizes(cut)
    activations = samples()
    if not activations:
        raise SlicerError("the layer is made from samples of the tensor: give sample inputs")
    found = np.concatenate(activations)
    windows = _thin(_windows(np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)))
    mean = windows.reshape(-1, channels, 4).mean(axis=(0, 2))
    centred = windows - np.repeat(mean, 4)
    vectors = _components(centred)
    weights = np.ascontiguousarray(vectors.T.reshape(-1, channels, 2, 2), np.float32)
    shift = (-(weights.sum(axis=(2, 3)) @ mean)).astype(np.float32)
    twice = (("kernel_shape", [2, 2]), ("strides", [2, 2]), ("pads", [0, 0, height % 2, width % 2]))
    decoder = [Step("ConvTranspose", (weights, mean.astype(np.float32)), twice)]
    if found.min() >= 0:
        decoder.append(Step("Relu"))
    return Layer("principal", (Step("Conv", (weights, shift), twice),), tuple(decoder), len(weights), even=True)


def _windows(found: Floats) -> Floats:
    """Every 2×2 window (windows, 4·C), the last of odd sizes filled with zeros as the operator does."""
    count, channels, height, width = found.shape
    padded = np.pad(found, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)))
    split = padded.reshape(count, channels, -(-height // 2), 2, -(-width // 2), 2)
    return np.ascontiguousarray(split.transpose(0, 2, 4, 1, 3, 5)).reshape(-1, 4 * channels)


def _thin(windows: Floats) -> npt.NDArray[np.float64]:
    return windows[:: max(1, len(windows) // _WINDOWS)].astype(np.float64)


def _components(centred: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The strongest directions (4·C, k), orthonormal, as many as keep the variance."""
    strengths, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    order = np.argsort(-strengths)
    shares = np.cumsum(strengths[order]) / max(float(strengths.sum()), 1e-30)
    kept = min(int(np.searchsorted(shares, _KEPT)) + 1, len(order))
    return vectors[:, order[:kept]]
