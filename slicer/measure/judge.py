"""Whether what was decoded still gives the same answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from slicer import load
from slicer.check import agree
from slicer.run import Session
from slicer.samples import Arrays


class Judge:
    """Compares a tail's answers with the whole model's; with no answers to compare with it knows nothing."""

    def __init__(self, tail: ModelProto, name: str, answers: Sequence[Arrays]) -> None:
        self._session = Session(tail) if answers else None
        self._name = name
        self._dtype = load.tensor(load.inputs(tail)[0]).dtype
        self._answers = answers

    def agreement(self, values: Sequence[npt.NDArray[np.generic]]) -> float | None:
        """The share of the values, one a sample, with which the answer stays the same; None: not known."""
        if self._session is None:
            return None
        session, name, dtype = self._session, self._name, self._dtype
        results = (session({name: one.astype(dtype, copy=False)}) for one in values)
        return float(np.mean([agree(got, want) for got, want in zip(results, self._answers, strict=True)]))
