"""The decoder against hostile bytes: one kind of error, bounded memory."""

import struct
import tracemalloc
import zlib
from contextlib import suppress

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.codec import (
    LEVELS,
    PACKED,
    RANS,
    RAW,
    RAW_ZSTD,
    ZSTD,
    CodecError,
    Fault,
    Level,
    Limits,
    decode,
    encode,
    header,
    peek,
    ranges,
)
from common.codec.header import Header
from common.errors import InvalidArgument, ResourceExhausted
from tests import strategies_codec as some

LIMITS = Limits(max_elements=4096, max_bytes=1 << 20)
TENSOR = np.maximum(np.random.default_rng(0).normal(size=(1, 16, 8, 8)), 0).astype(np.float32)


def _decodes_or_refuses(payload: bytes) -> None:
    with suppress(CodecError):
        tensor = decode(payload, LIMITS)
        assert tensor.dtype == np.float32
        assert tensor.size <= LIMITS.max_elements


@settings(max_examples=400)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda rest: b"SPTC\x01" + rest)))
def test_arbitrary_bytes_are_refused(payload: bytes) -> None:
    """No bytes raise anything but CodecError."""
    _decodes_or_refuses(payload)
    _decodes_or_refuses(some.sealed(payload))


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(some.damaged())
def test_damaged_payloads_are_refused(payload: bytes) -> None:
    """Flipped, cut and grown payloads raise nothing but CodecError, with the checksum put right too."""
    _decodes_or_refuses(payload)


@pytest.mark.parametrize("level", LEVELS.values(), ids=str)
def test_every_truncation_is_refused(level: Level) -> None:
    """No proper start of a payload decodes, and the reason is a truncation."""
    payload = encode(TENSOR, level)
    for end in (*range(min(60, len(payload))), *range(60, len(payload), 37), len(payload) - 1):
        with pytest.raises(CodecError) as refusal:
            decode(payload[:end], LIMITS)
        assert refusal.value.fault is Fault.TRUNCATED


@pytest.mark.parametrize("level", LEVELS.values(), ids=str)
def test_every_flipped_bit_is_noticed(level: Level) -> None:
    """One flipped bit anywhere is refused: the checksum covers all."""
    payload = encode(TENSOR, level)
    for place in (*range(min(64, len(payload))), *range(64, len(payload), 29)):
        changed = bytearray(payload)
        changed[place] ^= 1 << (place % 8)
        with pytest.raises(CodecError):
            decode(bytes(changed), LIMITS)


def _changed(payload: bytes, place: int, value: int) -> bytes:
    return some.sealed(payload[:place] + bytes((value,)) + payload[place + 1 :])


RANS4 = encode(TENSOR, LEVELS["rans-4"])

REFUSED = {
    "magic": (b"XPTC" + RANS4[4:], Fault.BAD_MAGIC),
    "version": (_changed(RANS4, 4, 3), Fault.UNSUPPORTED_VERSION),
    "version of another element type": (_changed(RANS4, 4, 2), Fault.CORRUPT),
    "codec": (_changed(RANS4, 5, 99), Fault.UNKNOWN_CODEC),
    "bits": (_changed(RANS4, 6, 7), Fault.UNKNOWN_CODEC),
    "bits of another codec": (_changed(RANS4, 6, 32), Fault.UNKNOWN_CODEC),
    "element type": (_changed(RANS4, 7, 9), Fault.CORRUPT),
    "rank": (_changed(RANS4, 8, 200), Fault.CORRUPT),
    "axis": (_changed(RANS4, 9, 7), Fault.CORRUPT),
    "form": (_changed(RANS4, 10, 77), Fault.CORRUPT),
    "padding": (_changed(RANS4, 11, 1), Fault.CORRUPT),
    "checksum": (RANS4[:-1] + bytes((RANS4[-1] ^ 1,)), Fault.CORRUPT),
    "extra bytes": (RANS4 + b"\0", Fault.CORRUPT),
    "empty": (b"", Fault.TRUNCATED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_fault_is_told_apart(name: str) -> None:
    """Each thing that can be wrong has its own reason."""
    payload, fault = REFUSED[name]
    with pytest.raises(CodecError) as refusal:
        decode(payload, LIMITS)
    assert refusal.value.fault is fault


def _forged(codec: int, bits: int, shape: tuple[int, ...], form: int, rest: bytes, axis: int | None = None) -> bytes:
    return header.pack(Header(codec, bits, shape, axis, form, len(rest)), rest)


RANGE = struct.pack("<2f", 0, 1)


@pytest.mark.parametrize("pair", [(float("nan"), 1.0), (0.0, float("inf")), (float("-inf"), 0.0), (1.0, 0.0)], ids=str)
def test_hostile_ranges_are_refused(pair: tuple[float, float]) -> None:
    """Ranges that are not finite, or upside down, are corrupt."""
    payload = _forged(PACKED, 8, (4,), ranges.WHOLE, struct.pack("<2f", *pair) + b"\0\1\2\3")
    with pytest.raises(CodecError) as refusal:
        decode(payload, LIMITS)
    assert refusal.value.fault is Fault.CORRUPT


def test_the_widest_ranges_decode_to_finite_values() -> None:
    """Ends at both ends of float32 overflow nowhere."""
    most = float(np.finfo(np.float32).max)
    payload = _forged(PACKED, 8, (4,), ranges.WHOLE, struct.pack("<2f", -most, most) + b"\0\x7f\x80\xff")
    assert np.isfinite(decode(payload, LIMITS)).all()


HOSTILE_BODIES = {
    "rans without histograms": (RANS, RANGE + b"\0"),
    "rans with too many histograms": (RANS, RANGE + b"\x11"),
    "rans with an empty histogram": (RANS, RANGE + b"\1\0\0\0"),
    "rans histogram upside down": (RANS, RANGE + b"\1\3\1\1\1"),
    "rans histogram beyond its alphabet": (RANS, RANGE + b"\1\0\x10" + b"\1" * 17),
    "rans words cut": (RANS, RANGE + b"\1\0\1\x10\x10" + b"\1\2\3"),
    "rans ends in zero": (RANS, RANGE + b"\1\0\1\x10\x10" + b"\1\2\3\4\0\0\0\0"),
    "rans too much": (RANS, RANGE + b"\1\0\1\x10\x10" + b"\xaa" * 64),
    "packed too short": (PACKED, RANGE + b"\0"),
    "packed too long": (PACKED, RANGE + b"\0" * 9),
    "zstd of nothing": (ZSTD, RANGE),
    "zstd skippable frame": (ZSTD, RANGE + b"\x50\x2a\x4d\x18\4\0\0\0abcd"),
    "zstd of too little": (ZSTD, RANGE + zstandard.compress(b"\0" * 3)),
    "zstd symbols too large": (ZSTD, RANGE + zstandard.compress(b"\xff" * 16)),
    "zstd with bytes after it": (ZSTD, RANGE + zstandard.compress(b"\0" * 16) + b"more"),
}


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_hostile_bodies_are_refused(name: str) -> None:
    """Bodies that contradict their header are refused, checksum right or not."""
    codec, rest = HOSTILE_BODIES[name]
    with pytest.raises(CodecError) as refusal:
        decode(_forged(codec, 4, (16,), ranges.WHOLE, rest), LIMITS)
    assert refusal.value.fault in (Fault.CORRUPT, Fault.TRUNCATED)


BOMB = zstandard.compress(b"\0" * (256 << 20))
BOMBS = {
    "zstd symbols": _forged(ZSTD, 8, (1024,), ranges.WHOLE, RANGE + BOMB),
    "zstd floats": _forged(RAW_ZSTD, 32, (1024,), ranges.NONE, BOMB),
    "forged shape, raw": _forged(RAW, 32, (2**32 - 1,) * 8, ranges.NONE, b""),
    "forged shape, rans": _forged(RANS, 2, (2**31, 2), ranges.WHOLE, RANGE + b"\1\0\0\xff"),
    "forged shape with nothing in it": _forged(RAW, 32, (0, 2**32 - 1, 2**32 - 1), ranges.NONE, b""),
    "forged channels": _forged(PACKED, 8, (1, 2**30), ranges.GRID16, RANGE, axis=1),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_take_no_memory(name: str) -> None:
    """What would unpack to hundreds of megabytes is refused within one."""
    tracemalloc.start()
    try:
        with pytest.raises(CodecError):
            decode(BOMBS[name], LIMITS)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("level", LEVELS.values(), ids=str)
def test_decoding_takes_a_fixed_number_of_bytes_per_element(level: Level) -> None:
    """Memory at its peak stays within 24 bytes an element and a little."""
    tensor = np.maximum(np.random.default_rng(3).normal(size=(1, 64, 50, 50)), 0).astype(np.float32)
    payload = encode(tensor, level)
    tracemalloc.start()
    try:
        decode(payload, Limits(tensor.size))
        assert tracemalloc.get_traced_memory()[1] < 24 * tensor.size + (64 << 10)
    finally:
        tracemalloc.stop()


def test_limits_hold() -> None:
    """Bytes, elements and the agreed shape are each enforced, an open size fits any."""
    for limits, fault in (
        (Limits(4096, max_bytes=10), Fault.TOO_LARGE),
        (Limits(TENSOR.size - 1), Fault.TOO_LARGE),
        (Limits(4096, (1, 16, 8)), Fault.SHAPE_MISMATCH),
        (Limits(4096, (1, 15, 8, 8)), Fault.SHAPE_MISMATCH),
    ):
        with pytest.raises(CodecError) as refusal:
            decode(RANS4, limits)
        assert refusal.value.fault is fault
    assert decode(RANS4, Limits(4096, (None, 16, None, 8))).shape == TENSOR.shape


def test_peek_reads_the_header_only() -> None:
    """peek tells codec, level and shape of a payload without believing its body, and refuses what is none."""
    assert peek(RANS4[:40]).shape == TENSOR.shape
    with pytest.raises(CodecError):
        peek(b"PK\3\4 something else entirely")


def test_any_buffer_is_taken() -> None:
    """bytes, bytearray and memoryview decode alike."""
    want = decode(RANS4, LIMITS)
    for kind in (bytearray, memoryview):
        assert np.array_equal(decode(kind(RANS4), LIMITS), want)


def test_refusals_have_a_place_in_the_closed_set() -> None:
    """Too large is RESOURCE_EXHAUSTED, all else INVALID_ARGUMENT with the fault as reason and the field named."""
    for fault in Fault:
        error = CodecError(fault, "it is so").as_refusal("payload")
        assert isinstance(error, ResourceExhausted if fault is Fault.TOO_LARGE else InvalidArgument)
        assert error.reason == fault.value
        assert "payload" in error.message


def test_the_checksum_is_the_usual_one() -> None:
    """Bytes 16 to 19 are CRC-32 of everything else, little-endian."""
    said = struct.unpack_from("<I", RANS4, 16)[0]
    assert said == zlib.crc32(RANS4[:16] + RANS4[20:])
