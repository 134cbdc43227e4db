"""What is let in, before any byte is decoded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import codec
from common.errors import InvalidArgument, ResourceExhausted
from node_agent.tail.admit import DIGEST_MISMATCH, Gate, check_shape
from node_agent.tail.model import Arrival, Contract, contract
from tests.fakes.edge_model import cut

CONTRACT = Contract("sha256:" + "a" * 64, "3:r1", (None, 2, 4), 8, 64)


def arrival(shape: tuple[int, ...] = (1, 2, 4), sequence: int = 1) -> Arrival:
    payload = codec.encode(np.zeros(shape, np.float32), codec.LEVELS["raw"])
    return Arrival(sequence, CONTRACT.bundle_digest, CONTRACT.cut_id, codec.RAW, shape, 0, payload)


def test_good_frames_pass_in_order() -> None:
    """Growing sequence numbers, any batch up to the largest, identity in the first message only."""
    gate = Gate(CONTRACT)
    gate.admit(arrival())
    gate.admit(replace(arrival((8, 2, 4), 5), bundle_digest="", cut_id=""))
    with pytest.raises(InvalidArgument, match="5 follows 5"):
        gate.admit(arrival(sequence=5))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sequence": 0}, "sequence"), ({"bundle_digest": ""}, "bundle_digest"), ({"cut_id": ""}, "cut_id"),
        ({"bundle_digest": "x"}, "bundle_digest"), ({"cut_id": "x"}, "cut_id"), ({"payload": b""}, "payload"),
        ({"payload": b"abc"}, "payload"), ({"codec": 2}, "codec"), ({"shape": (2, 2, 4)}, "shape"),
        ({"shape": (1, 2)}, "shape"), ({"shape": (1, 2, 5)}, "shape"), ({"shape": (0, 2, 4)}, "shape"),
        ({"shape": (-1, 2, 4)}, "shape"), ({"shape": ()}, "shape"), ({"shape": (1,) * 100_000}, "shape"),
    ],
)  # fmt: skip
def test_wrong_frames_are_named(changes: dict[str, object], words: str) -> None:
    """Each field that is wrong is refused by its name, in few words."""
    with pytest.raises(InvalidArgument) as caught:
        Gate(CONTRACT).admit(replace(arrival(), **changes))  # type: ignore[arg-type]
    assert caught.value.message.startswith(words)
    assert len(caught.value.message) < 300


def test_mismatch_has_its_reason() -> None:
    """Programs can tell another bundle from a damaged one."""
    with pytest.raises(InvalidArgument) as caught:
        Gate(CONTRACT).admit(replace(arrival(), bundle_digest="sha256:" + "b" * 64))
    assert caught.value.reason == DIGEST_MISMATCH


def test_too_much_is_exhaustion() -> None:
    """Too large a payload, batch or open size is RESOURCE_EXHAUSTED."""
    too_long = replace(arrival(), payload=bytes(CONTRACT.max_payload_bytes + 1))
    with pytest.raises(ResourceExhausted, match="payload"):
        Gate(CONTRACT).admit(too_long)
    with pytest.raises(ResourceExhausted, match="batch of 9"):
        check_shape(CONTRACT, (9, 2, 4))
    wide = Contract("d", "c", (None, None), 8, 100)
    check_shape(wide, (2, 50))
    with pytest.raises(ResourceExhausted, match="102 elements"):
        check_shape(wide, (2, 51))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6).map(tuple))
def test_admitted_shapes_are_bounded(shape: tuple[int, ...]) -> None:
    """Whatever sizes are claimed, what passes has the cut's rank and at most its elements."""
    try:
        check_shape(CONTRACT, shape)
    except (InvalidArgument, ResourceExhausted):
        return
    assert shape[1:] == (2, 4)
    assert 1 <= shape[0] <= 8


def test_contract_of_a_bundle() -> None:
    """An open batch is bounded by the flag, a fixed one by itself, other open sizes by their own flag."""
    opened = contract(cut("n").bundle, 4, 1000)
    assert (opened.shape, opened.max_elements) == ((None, 8, 16, 16), 4 * 8 * 16 * 16)
    fixed = contract(cut(2).bundle, 4, 1000)
    assert (fixed.shape, fixed.max_elements) == ((2, 8, 16, 16), 2 * 8 * 16 * 16)
    with pytest.raises(InvalidArgument, match="shape"):
        check_shape(fixed, (1, 8, 16, 16))
    assert fixed.max_payload_bytes >= len(codec.encode(np.ones((2, 8, 16, 16), np.float32), codec.LEVELS["raw"]))
