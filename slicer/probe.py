"""Finds out by runs what shape inference leaves open: a tensor's rank, which of its sizes are fixed, its batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from onnx import ModelProto

from slicer import load
from slicer.examples import blank, noise
from slicer.model import Dim, SlicerError, Tensor
from slicer.run import Session, exposing
from slicer.samples import Arrays, tiled

Run = Callable[[Arrays], tuple[int, ...]]


def known(whole: ModelProto, about: Tensor, example: Arrays) -> Tensor:
    """The tensor with its type and shape; a size is open that differs with other values or with an open size doubled.

    Axis 0 must be the batch if the model has an open one. Raises SlicerError if it is not, or if the model cannot
    run on `example`.
    """
    if about.dtype and about.elements is not None:
        return about
    session = Session(exposing(whole, [about.name]))
    first = session(example)[about.name]

    def run(values: Arrays) -> tuple[int, ...]:
        return session(values)[about.name].shape

    said = about.shape or ("",) * first.ndim
    shape = tuple(_merged(said, first.shape, list(_others(whole, example, run))))
    return replace(about, dtype=first.dtype.name, shape=_with_batch(whole, about.name, example, run, shape))


def rank(whole: ModelProto, about: Tensor, example: Arrays) -> Tensor:
    """An output with as many open sizes as a run shows, where nothing is known of its shape."""
    if about.shape is not None and about.dtype:
        return about
    seen = Session(exposing(whole, [about.name]))(example)[about.name]
    return Tensor(about.name, seen.dtype.name, ("",) * seen.ndim)


def _merged(said: tuple[Dim, ...], base: tuple[int, ...], others: list[tuple[int, ...]]) -> Iterator[Dim]:
    for axis, size in enumerate(base):
        moves = any(len(other) != len(base) or other[axis] != size for other in others)
        yield said[axis] if isinstance(said[axis], int) or moves else size


def _others(whole: ModelProto, example: Arrays, run: Run) -> Iterator[tuple[int, ...]]:
    """Shapes with other values, and with each open size of the inputs doubled; what the model refuses tells nothing."""
    shapes = {name: value.shape for name, value in example.items()}
    doubled = (
        _doubled(example, name, axis) for name, axis in _open_axes(whole) if axis
    )  # the batch is doubled at once
    for other in (blank(whole, shapes), noise(whole, shapes), *doubled):
        try:
            yield run(other)
        except SlicerError:
            continue


def _with_batch(whole: ModelProto, name: str, example: Arrays, run: Run, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The shape with an open batch, if the inputs have one."""
    names = [(load.tensor(value).shape or ("",))[0] for value in load.inputs(whole)]
    if not shape or any(isinstance(one, int) for one in names):
        return shape
    once, twice = run(example), run(tiled(example))
    if twice != (2 * once[0], *once[1:]):
        raise SlicerError(
            f'axis 0 of tensor "{name}" is not the batch: {load.show(once)} for one input, '
            f"{load.show(twice)} for two; cut elsewhere"
        )
    return (str(names[0]), *shape[1:])


def _open_axes(whole: ModelProto) -> Iterator[tuple[str, int]]:
    for value in load.inputs(whole):
        about = load.tensor(value)
        yield from ((about.name, axis) for axis, size in enumerate(about.shape or ()) if not isinstance(size, int))


def _doubled(example: Arrays, name: str, axis: int) -> Arrays:
    value = example[name]
    return {**example, name: np.concatenate((value, value), axis=axis)}
