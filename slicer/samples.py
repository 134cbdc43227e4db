"""Reads sample inputs of a model from .npz or .npy files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from slicer import load
from slicer.model import Dim, SlicerError, Tensor

Arrays = Mapping[str, npt.NDArray[np.generic]]


def read(path: Path, model: ModelProto) -> list[Arrays]:
    """The samples in the file, each ready for one run of the model. Raises SlicerError.

    An .npz holds one array per input of the model under the input's name, an .npy the only input's; axis 0 counts
    samples, which run one at a time, or as many at a time as a model with a fixed batch takes.
    """
    wanted = [load.tensor(value) for value in load.inputs(model)]
    arrays = _matched(path, _arrays(path), wanted)
    counts = {about.name: arrays[about.name].shape[0] // _batch(about) for about in wanted}
    count = min(counts.values())
    if count < 1 or len(set(counts.values())) > 1:
        said = ", ".join(f"{name}: {number}" for name, number in counts.items())
        raise SlicerError(f"{path}: every input needs the same number of samples, at least one; there are {said}")
    return [_sample(arrays, wanted, index) for index in range(count)]


def tiled(sample: Arrays) -> Arrays:
    """The sample twice over along axis 0."""
    return {name: np.concatenate((value, value)) for name, value in sample.items()}


def _arrays(path: Path) -> Arrays:
    try:
        found = np.load(path, allow_pickle=False)
        return {"": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SlicerError(f"{path}: not a readable .npz or .npy of plain arrays: {error}") from error


def _matched(path: Path, arrays: Arrays, wanted: list[Tensor]) -> dict[str, npt.NDArray[np.generic]]:
    if len(arrays) == 1 and len(wanted) == 1:  # only one way to read it, whatever it is called
        arrays = {wanted[0].name: next(iter(arrays.values()))}
    missing = [about.name for about in wanted if about.name not in arrays]
    if missing:
        raise SlicerError(f"{path}: no array for input {', '.join(missing)}; it has {', '.join(arrays) or 'none'}")
    return {about.name: _cast(path, arrays[about.name], about) for about in wanted}


def _cast(path: Path, array: npt.NDArray[np.generic], about: Tensor) -> npt.NDArray[np.generic]:
    if not _fits(array.shape, about.shape):
        raise SlicerError(
            f'{path}: input "{about.name}" is {load.show(about.shape)}, the array {load.show(array.shape)}'
        )
    if array.dtype.kind != np.dtype(about.dtype).kind:
        raise SlicerError(f'{path}: input "{about.name}" is {about.dtype}, the array {array.dtype.name}')
    return array.astype(about.dtype, copy=False)


def _fits(got: tuple[int, ...], want: tuple[Dim, ...] | None) -> bool:
    """Whether samples of these sizes can be fed: all but axis 0, which counts them, are as the model wants."""
    if not got or want is None or len(got) != len(want):
        return bool(got) and want is None
    return all(not isinstance(size, int) or size == here for size, here in zip(want[1:], got[1:], strict=True))


def _batch(about: Tensor) -> int:
    first = about.shape[0] if about.shape else 1
    return first if isinstance(first, int) and first > 0 else 1


def _sample(arrays: Arrays, wanted: list[Tensor], index: int) -> Arrays:
    return {a.name: arrays[a.name][index * _batch(a) : (index + 1) * _batch(a)] for a in wanted}


def cycle(found: Sequence[Arrays], most: int) -> Iterator[Arrays]:
    """At most `most` of the samples, spread evenly over all of them."""
    step = max(1, len(found) // most)
    yield from found[::step][:most]
