"""Whether a new bundle may take the place of the old one: tried on frames that were really seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from common.errors import SliceplaneError
from edge_agent.model import Tensors

TOLERANCE = 1e-3

Run = Callable[[Tensors], Tensors]
"""Runs a model on inputs. Raises the closed set of errors."""


def objection(
    samples: Sequence[Tensors], whole: Run, cut: Run, old: Run | None, agreement: float, *, exact: bool = True
) -> str:
    """Why the new bundle is not to run, one sentence; "" if there is nothing against it.

    `whole` is its whole model, `cut` its head and tail one after the other, `old` the whole model that runs now,
    None if its inputs are others; `exact`: whether `cut` is to give what `whole` gives, as without a Transfer Layer;
    `agreement`: the share of classes, 0 to 1, that both must name alike.
    Samples: inputs that `whole` takes.
    """
    shared: list[float] = []
    for sample in samples:
        try:
            ours, joined = whole(sample), cut(sample)
        except SliceplaneError as error:
            return f"it fails on a frame: {error.message}"
        if why := _apart(ours, joined, exact):
            return why
        shared += _agreement(ours, old(sample)) if old else []
    if shared and float(np.mean(shared)) < agreement:
        return f"it names the classes of the bundle that runs for {np.mean(shared):.0%} only, on {len(samples)} frames"
    return ""


def _apart(whole: Tensors, joined: Tensors, exact: bool) -> str:
    for name, value in whole.items():
        if not np.all(np.isfinite(value)):
            return f'its output "{name}" is not finite on a frame'
        if name not in joined or joined[name].shape != value.shape:
            return f'head and tail do not give its output "{name}"'
        if value.dtype.kind != "f":
            continue
        if not np.all(np.isfinite(joined[name])):
            return f'head and tail give an output "{name}" that is not finite on a frame'
        if not exact:
            continue
        scale = float(np.max(np.abs(value), initial=0.0)) or 1.0
        error = float(np.max(np.abs(np.subtract(joined[name], value)), initial=0.0)) / scale
        if not error <= TOLERANCE:
            return f'head and tail give another "{name}" than the whole model: off by {error:.1%} of the largest value'
    return ""


def _agreement(ours: Tensors, theirs: Tensors) -> list[float]:
    """For each output that both have and that looks like scores of classes: the share of equal classes."""
    return [
        float(np.mean(np.argmax(value, -1) == np.argmax(theirs[name], -1)))
        for name, value in ours.items()
        if name in theirs and value.shape == theirs[name].shape and value.ndim and value.shape[-1] > 1
    ]
