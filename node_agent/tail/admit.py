"""Which activations are let in: checks of everything a peer claims, before any byte is decoded; pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from common import codec
from common.errors import InvalidArgument, ResourceExhausted, SliceplaneError, Violation
from node_agent.tail.model import Arrival, Contract

DIGEST_MISMATCH = "DIGEST_MISMATCH"


@dataclass(slots=True)
class Gate:
    """Checks the activations of one stream in their order."""

    contract: Contract
    last: int = 0

    def admit(self, arrival: Arrival) -> None:
        """Returns if the frame may be decoded. Raises InvalidArgument or ResourceExhausted: the stream must end."""
        for check in (self._sequence, self._identity, self._size, self._shape, self._header):
            check(arrival)
        self.last = arrival.sequence

    def _sequence(self, arrival: Arrival) -> None:
        if arrival.sequence <= self.last:
            raise _bad("sequence", f"{arrival.sequence} follows {self.last}; count up from 1 within a stream")

    def _identity(self, arrival: Arrival) -> None:
        first = self.last == 0
        for field, said, mine in (
            ("bundle_digest", arrival.bundle_digest, self.contract.bundle_digest),
            ("cut_id", arrival.cut_id, self.contract.cut_id),
        ):
            if not said and first:
                raise _bad(field, f"the first message of a stream must carry it; this tail serves {mine}")
            if said and said != mine:
                text = f'this tail serves "{mine}", not "{said[:100]}"; take the bundle that is assigned now'
                raise _bad(field, text, DIGEST_MISMATCH)

    def _size(self, arrival: Arrival) -> None:
        size, limit = len(arrival.payload), self.contract.max_payload_bytes
        if size > limit:
            raise ResourceExhausted(f"payload: {size} bytes are more than the {limit} that this cut can need")
        if not size:
            raise _bad("payload", "it is empty; send the encoded activation")

    def _shape(self, arrival: Arrival) -> None:
        check_shape(self.contract, arrival.shape)

    def _header(self, arrival: Arrival) -> None:
        try:
            header = codec.peek(arrival.payload)
        except codec.CodecError as error:
            raise error.as_refusal() from error
        if header.codec != arrival.codec:
            raise _bad("codec", f"the message says {arrival.codec}, its payload's header {header.codec}")
        if header.shape != arrival.shape:
            raise _bad("shape", f"the message says {_text(arrival.shape)}, its payload {_text(header.shape)}")


def check_shape(contract: Contract, shape: tuple[int, ...]) -> None:
    """Raises InvalidArgument unless `shape` is the cut's; ResourceExhausted if an open size makes it too large."""
    wanted = contract.shape
    fits = len(shape) == len(wanted) and all(
        given > 0 and want in (None, given) for given, want in zip(shape, wanted, strict=True)
    )
    if not fits:
        rest = "×".join("?" if size is None else str(size) for size in wanted) or "a scalar"
        raise _bad("shape", f"{_text(shape)} is not that of cut {contract.cut_id}, {rest}", "SHAPE_MISMATCH")
    if shape and shape[0] > contract.max_batch and wanted[0] is None:
        raise ResourceExhausted(f"shape: a batch of {shape[0]} is more than the {contract.max_batch} taken here")
    if prod(shape) > contract.max_elements:
        raise ResourceExhausted(
            f"shape: {_text(shape)} has {prod(shape)} elements, at most {contract.max_elements} are taken"
        )


def _text(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape[:8]) + ("×…" if len(shape) > 8 else "") or "none"


def _bad(field: str, text: str, reason: str | None = None) -> SliceplaneError:
    return InvalidArgument(Violation(field, text), reason=reason)
