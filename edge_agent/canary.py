"""Whether a bundle may run: tried on samples that it carries, and on frames that were really seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from common.canary import Sample
from common.errors import SliceplaneError
from edge_agent.model import Array, Tensors

TOLERANCE = 1e-3
ELSEWHERE = 0.05
"""Another machine sums in another order, and saturates elsewhere in 8 bits: that is no other model yet."""

Run = Callable[[Tensors], Tensors]
"""Runs a model on inputs. Raises the closed set of errors."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the bundle is not to run, "" if there is nothing against it.

    `whole`: its whole model gives what it gave where the bundle was made, so that it may run without a tail.
    """

    why: str = ""
    whole: bool = False


def verdict(
    known: Sequence[Sample],
    seen: Sequence[Tensors],
    whole: Run,
    cut: Run,
    old: Run | None,
    agreement: float,
    *,
    exact: bool = True,
) -> Verdict:
    """What speaks against a bundle with the samples `known`; `seen`: inputs of frames, `known`'s if there are none.

    The others as `objection` has them.
    """
    if why := _unlike(whole, ((one.inputs, one.outputs) for one in known), "its whole model gives"):
        return Verdict(why)
    joined = [(one.inputs, one.joined) for one in known if one.joined]
    why = _unlike(cut, joined, "head and tail give")
    inputs = seen or [one.inputs for one in known]
    return Verdict(why or objection(inputs, whole, cut, old, agreement, exact=exact), whole=bool(known))


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


def _unlike(run: Run, cases: Iterable[tuple[Tensors, Tensors]], who: str) -> str:
    """Why `run` does not do with the bundle's samples what it did where the bundle was made."""
    for inputs, expected in cases:
        try:
            found = run(inputs)
        except SliceplaneError as error:
            return f"it fails on the sample that it carries: {error.message}"
        for name, value in expected.items():
            if name not in found or found[name].shape != value.shape:
                return f'{who} no output "{name}" of the size that it had where the bundle was made'
            off = _error(found[name], value) if value.dtype.kind == "f" else 0.0
            if not off <= ELSEWHERE:
                return f'{who} another "{name}" than where the bundle was made: off by {off:.0%} of the largest value'
    return ""


def _error(found: Array, value: Array) -> float:
    """The largest difference, in largest values."""
    scale = float(np.max(np.abs(value), initial=0.0)) or 1.0
    return float(np.max(np.abs(np.subtract(found, value, dtype=np.float64)), initial=0.0)) / scale


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
        error = _error(joined[name], value)
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
