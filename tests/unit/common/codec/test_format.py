"""The wire format itself: bytes that must never change while the version is 1."""

import numpy as np
import pytest

from common.codec import LEVELS, Limits, decode, encode

TENSOR = (np.arange(96, dtype=np.float32).reshape(1, 2, 6, 8) % 7) * np.float32(0.5)

GOLDEN = {
    "raw-zstd": (
        "535054430102200104ff0000240000007a3581920100000002000000060000000800000028b52ffd608000d500007000"
        "0080c0002040003f3f3f40404003000626632a93ee51000b"
    ),
    "packed-4": (
        "5350544301030401040102003c0000004fb012340100000002000000060000000800000000000000000040400000ffff"
        "0258acf0258acf0258acf0258acf0258acf0258acf0258acf0258acf0258acf0258acf0258acf0258acf0258acf0258a"
    ),
    "zstd-4": (
        "535054430104040104010200230000002f5ce6500100000002000000060000000800000000000000000040400000ffff"
        "28b52ffd206075000038000205080a0c0f0100a6a91801"
    ),
    "rans-3": (
        "53505443010303010401020030000000f229c0300100000002000000060000000800000000000000000040400000ffff"
        "054bb82a5dc152ee0a977054bb82a5dc152ee0a977054bb82a5dc152ee0a977054bb82a5"
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_version_1_stays_readable(name: str) -> None:
    """Payloads written by the first release decode to what they decoded to then."""
    payload = bytes.fromhex(GOLDEN[name])
    back = decode(payload, Limits(96))
    assert np.abs(back - TENSOR).max() <= 3 / (2 ** LEVELS[name].bits - 1) / 2 + 1e-6


@pytest.mark.parametrize("name", ["packed-4", "rans-3"])
def test_version_1_is_written_as_ever(name: str) -> None:
    """The same tensor encodes to the same bytes as in the first release (zstd's may change with the library)."""
    assert encode(TENSOR, LEVELS[name]).hex() == GOLDEN[name]
