"""What the slicer speaks of: tensors, cut points, and the one error it raises."""

from __future__ import annotations

from dataclasses import dataclass

Dim = int | str
"""A size in elements, or the name of one that is open ("" where it has no name)."""


INPUT = "input"
"""The cut before everything else: the device sends what it is given."""


class SlicerError(Exception):
    """The model or the request cannot be sliced; the message is one sentence with the way out."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in a graph: its name, element type as numpy names it ("" unknown), and shape (None: rank unknown)."""

    name: str
    dtype: str
    shape: tuple[Dim, ...] | None

    @property
    def elements(self) -> int | None:
        """How many elements it has, or None while a size is open."""
        count = 1
        for size in self.shape or ("",):
            if not isinstance(size, int):
                return None
            count *= size
        return count if self.shape is not None else None


@dataclass(frozen=True, slots=True)
class CutPoint:
    """A tensor that alone is live: everything before it is the head, everything after it the tail.

    `index` counts the valid cuts from 0; -1 is the input itself. `head_nodes` and `head_macs` count what runs on the
    device: nodes, and multiply-accumulates (None where a size is open), as `total_macs` does for the whole model.
    """

    index: int
    tensor: Tensor
    operator: str
    head_nodes: int
    head_macs: int | None
    total_macs: int | None

    @property
    def id(self) -> str:
        """What names it within its model: index and tensor, such as "17:relu_3.tmp_0", or "input"."""
        return f"{self.index}:{self.tensor.name}" if self.index >= 0 else INPUT

    @property
    def raw_bytes(self) -> int | None:
        """Bytes of the tensor as float32, or None while a size is open."""
        elements = self.tensor.elements
        return None if elements is None else 4 * elements
