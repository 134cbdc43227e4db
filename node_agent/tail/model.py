"""What the tail speaks of: the cut that it serves, activations on arrival, results, limits."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from common import codec
from common.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Contract:
    """The one cut that this tail serves.

    `shape` is the activation's, elements per axis, None: open. Axis 0 is the batch: where it is open it may be 1 to
    `max_batch`. `max_elements` bounds what one activation may decode to.
    """

    bundle_digest: str
    cut_id: str
    shape: tuple[int | None, ...]
    max_batch: int
    max_elements: int

    @property
    def max_payload_bytes(self) -> int:
        """The largest encoded activation, bytes: an encoder never sends more than the raw elements and a header."""
        return 4 * self.max_elements + codec.MAX_HEADER

    @property
    def limits(self) -> codec.Limits:
        """What the decoder is held to."""
        return codec.Limits(self.max_elements, self.shape, self.max_payload_bytes)


def contract(bundle: Bundle, max_batch: int, max_open_elements: int) -> Contract:
    """What serving `bundle` means; `max_open_elements` bounds activations whose sizes the bundle leaves open."""
    shape = bundle.cut_shape
    bounded = [max_batch if axis == 0 and size is None else size for axis, size in enumerate(shape)]
    known = [size for size in bounded if size is not None]
    elements = prod(known) if len(known) == len(bounded) else max_open_elements
    return Contract(bundle.digest, bundle.cut_id, shape, max_batch, elements)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One activation as it came, nothing believed yet; fields as in tail.proto, `deadline_ms` 0: none."""

    sequence: int
    bundle_digest: str
    cut_id: str
    codec: int
    shape: tuple[int, ...]
    deadline_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Output:
    """One tensor of a result; `content` little-endian, C order, `datatype` as Triton names it."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process takes upon itself.

    `frames_per_stream` may be in flight before a stream is not read on; `memory_bytes` bounds all activations in
    decoding and inference, and once more all answers that peers have not taken yet; `call_s` bounds a call of
    Triton where the sender set no deadline.
    """

    streams: int = 256
    frames_per_stream: int = 64
    memory_bytes: int = 256 << 20
    call_s: float = 10.0
