"""The canary of a bundle: inputs to try it on, and what it gave for them where it was made; as bytes and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from common.bundle_manifest import BundleError, SampleLayout, Tensor

Arrays = Mapping[str, npt.NDArray[np.generic]]

DTYPES = frozenset(
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
)
"""Element types that a canary can hold."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One input, by name; what the whole model gave for it, and head and tail one after the other.

    `outputs` and `joined` may hold some of the model's outputs, or none, where they cannot be compared.
    """

    inputs: Arrays
    outputs: Arrays
    joined: Arrays

    @property
    def groups(self) -> tuple[Arrays, ...]:
        """All of it, in the order in which it lies in the bundle."""
        return self.inputs, self.outputs, self.joined


def pack(samples: Sequence[Sample]) -> tuple[bytes, tuple[SampleLayout, ...]]:
    """Their elements, little-endian in C order, and what they are. Raises BundleError for other types."""
    layouts = tuple(SampleLayout(*map(_tensors, sample.groups)) for sample in samples)
    arrays = [one for sample in samples for group in sample.groups for one in group.values()]
    return b"".join(np.ascontiguousarray(_little(one)).tobytes() for one in arrays), layouts


def unpack(content: bytes, layouts: Sequence[SampleLayout]) -> tuple[Sample, ...]:
    """The samples in `content`. Raises BundleError if they are not just what the layouts say."""
    tensors = [one for layout in layouts for group in layout.groups for one in group]
    if sum(map(_size, tensors)) != len(content):
        raise BundleError("the canary is not as large as its tensors: write the bundle again with sliceplane-slicer")
    arrays = _arrays(content, tensors)
    try:
        return tuple(Sample(*({one.name: next(arrays) for one in group} for group in it.groups)) for it in layouts)
    except (ValueError, OverflowError) as error:  # nothing of sizes that no machine can count
        raise BundleError(f"the canary cannot be read: {error}") from error


def _tensors(arrays: Arrays) -> tuple[Tensor, ...]:
    for name, value in arrays.items():
        _check(name, value.dtype.name)
    return tuple(Tensor(name, value.dtype.name, value.shape) for name, value in arrays.items())


def _check(name: str, dtype: str) -> None:
    if dtype not in DTYPES:
        raise BundleError(f'the canary\'s "{name[:60]}" is {dtype[:60]}; it can hold {", ".join(sorted(DTYPES))}')


def _size(tensor: Tensor) -> int:
    """Bytes. Raises BundleError for a type that is not carried, or an open size."""
    _check(tensor.name, tensor.dtype)
    return prod(_sizes(tensor)) * np.dtype(tensor.dtype).itemsize


def _sizes(tensor: Tensor) -> tuple[int, ...]:
    if not all(isinstance(size, int) for size in tensor.shape):
        raise BundleError(f'the canary\'s "{tensor.name[:60]}" has an open size')
    return tuple(int(size) for size in tensor.shape)


def _arrays(content: bytes, tensors: Sequence[Tensor]) -> Iterator[npt.NDArray[np.generic]]:
    offset = 0
    for tensor in tensors:
        size, dtype = _size(tensor), np.dtype(tensor.dtype)
        flat = np.frombuffer(content, dtype.newbyteorder("<"), prod(_sizes(tensor)), offset)
        yield flat.reshape(_sizes(tensor)).astype(dtype)
        offset += size


def _little(value: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return value.astype(value.dtype.newbyteorder("<"), copy=False)
