"""Checks a bundle on samples: head and tail against the whole model, and what each codec level costs and spoils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.bundle import Bundle
from common.codec import ALL_LEVELS, Level, Limits, decode, encode
from slicer.run import Session
from slicer.samples import Arrays

Results = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class LevelReport:
    """One level over all samples.

    `mean_bytes`, `most_bytes`: of an encoded activation. `activation_error`: root mean square error over the
    activation's standard deviation. `output_error`: largest absolute difference of a float output from the whole
    model's. `agreement`: share of samples whose every output has the same best classes (largest along the last
    axis; integers equal).
    """

    level: str
    mean_bytes: float
    most_bytes: int
    activation_error: float
    output_error: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Report:
    """`split_error`: the largest difference of head∘tail, nothing lost between them, from the whole model."""

    samples: int
    raw_bytes: float
    split_error: float
    levels: tuple[LevelReport, ...]


def check(bundle: Bundle, samples: Sequence[Arrays]) -> Report:
    """Runs every sample through the whole model and through the halves at every level. Raises SlicerError."""
    whole, head = Session(bundle.model_bytes()), Session(bundle.head_bytes())
    tail = _Tail(bundle)
    wanted = [whole(sample) for sample in samples]
    cuts = [np.asarray(head(sample)[bundle.manifest.cut.name], np.float32) for sample in samples]
    split_error = max(_difference(tail(cut), want) for cut, want in zip(cuts, wanted, strict=True))
    levels = [ALL_LEVELS[name] for name in bundle.manifest.levels if name in ALL_LEVELS]
    reports = tuple(_level(bundle, tail, level, cuts, wanted) for level in levels)
    return Report(len(samples), float(np.mean([cut.nbytes for cut in cuts])), split_error, reports)


def promised(bundle: Bundle, samples: int) -> float | None:
    """How many of so many samples the default level must answer as the whole model does, for a bundle's own table.

    The table's share less three standard errors of a share of `samples`; None where no agreement was measured.
    """
    level = bundle.manifest.default_level
    for rate in bundle.manifest.rates:
        if (rate.level, rate.metric) == (level, "agreement"):
            return rate.accuracy - 3 * float(np.sqrt(rate.accuracy * (1 - rate.accuracy) / samples)) - 1 / samples
    return None


class _Tail:
    def __init__(self, bundle: Bundle) -> None:
        self._session = Session(bundle.tail_bytes())
        self._input = bundle.manifest.tail_input

    def __call__(self, activation: npt.NDArray[np.float32]) -> Results:
        return self._session({self._input: activation})


def _level(
    bundle: Bundle, tail: _Tail, level: Level, cuts: Sequence[npt.NDArray[np.float32]], wanted: Sequence[Results]
) -> LevelReport:
    params = bundle.codec_params(level)
    payloads = [encode(cut, level, params) for cut in cuts]
    back = [decode(payload, Limits(cut.size, cut.shape)) for payload, cut in zip(payloads, cuts, strict=True)]
    results = [tail(one) for one in back]
    pairs = list(zip(results, wanted, strict=True))
    return LevelReport(
        level.name,
        float(np.mean([len(payload) for payload in payloads])),
        max(len(payload) for payload in payloads),
        float(np.mean([_relative(one, cut) for one, cut in zip(back, cuts, strict=True)])),
        max(_difference(got, want) for got, want in pairs),
        float(np.mean([agree(got, want) for got, want in pairs])),
    )


def _relative(back: npt.NDArray[np.float32], true: npt.NDArray[np.float32]) -> float:
    spread = float(true.std()) or 1.0
    return float(np.sqrt(np.square(back - true, dtype=np.float64).mean())) / spread


def _difference(got: Results, want: Results) -> float:
    floats = [name for name in want if want[name].dtype.kind == "f" and want[name].size]
    return max((_largest(got[name], want[name]) for name in floats), default=0.0)


def _largest(got: npt.NDArray[np.generic], want: npt.NDArray[np.generic]) -> float:
    """Infinite where values decide sizes and what was lost changed them."""
    if got.shape != want.shape:
        return float("inf")
    return float(np.abs(got.astype(np.float64) - want.astype(np.float64)).max())


def agree(got: Results, want: Results) -> bool:
    """Whether all outputs have the same best classes: largest along the last axis; integers equal."""
    return all(np.array_equal(_classes(got[name]), _classes(want[name])) for name in want)


def _classes(result: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    if result.dtype.kind != "f":
        return result
    # One value per row has no best class: its sign is the decision that most such models mean.
    best: npt.NDArray[Any] = result
    return best.argmax(axis=-1) if best.ndim and best.shape[-1] > 1 else best > 0
