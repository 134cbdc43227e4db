"""The codec end to end: what goes in comes out, as near as its level promises, in no more bytes than raw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.codec import (
    ALL_LEVELS,
    IMAGE_LEVELS,
    LEVELS,
    MAX_HEADER,
    PACKED,
    RANS,
    RAW,
    CodecError,
    CodecParams,
    Fault,
    Level,
    Limits,
    decode,
    encode,
    peek,
    ranges,
)  # fmt: skip
from common.codec.registry import CODECS
from tests import strategies_codec as some
from tests.strategies_codec import Floats

ANY = Limits(max_elements=1 << 20)


@given(some.tensors(), some.lossless)
def test_lossless_levels_keep_every_bit(tensor: Floats, level: Level) -> None:
    """A lossless level gives back every bit, of NaN and infinities too."""
    back = decode(encode(tensor, level), ANY)
    assert back.shape == tensor.shape
    assert back.tobytes() == tensor.tobytes()


@given(st.one_of(some.activations(), some.tensors(some.finite)), some.quantised)
def test_quantisation_is_at_most_half_a_step_off(tensor: Floats, level: Level) -> None:
    """|x - decode(encode(x))| is at most half a step of the range that was sent, and float32's rounding."""
    payload = encode(tensor, level)
    back = decode(payload, ANY).astype(np.float64)
    assert back.shape == tensor.shape
    lo, hi = _ends(payload, tensor)
    step = (hi - lo) / (2**level.bits - 1)
    ends = np.maximum(np.abs(lo), np.abs(hi))
    rounding = 1e-4 * step + 3e-7 * ends + 1e-15 * ends.max(initial=0) + 1e-30
    assert (np.abs(tensor - back) <= step / 2 + rounding).all()


def _ends(payload: bytes, tensor: Floats) -> tuple[np.ndarray, np.ndarray]:
    """The clip ranges in the payload, to compare with the tensor's elements."""
    head = peek(payload)
    if head.form == ranges.NONE:
        return np.zeros(()), np.zeros(())
    lo, hi, _ = ranges.unpack(head.form, memoryview(payload)[head.header_bytes :], head.channels)
    spread = [1] * tensor.ndim
    if head.axis is not None and lo.size > 1:
        spread[head.axis] = -1
    return lo.astype(np.float64).reshape(spread), hi.astype(np.float64).reshape(spread)


@given(some.tensors(), some.levels)
def test_no_payload_is_larger_than_raw(tensor: Floats, level: Level) -> None:
    """Whatever is in a tensor, its payload is at most its float32 bytes and a header."""
    assert len(encode(tensor, level)) <= tensor.nbytes + MAX_HEADER


@given(some.tensors(), some.quantised)
def test_what_is_decoded_is_finite_where_it_was_quantised(tensor: Floats, level: Level) -> None:
    """Quantised payloads hold no NaN and no infinity, whatever was encoded."""
    payload = encode(tensor, level)
    if peek(payload).bits == level.bits:
        assert np.isfinite(decode(payload, ANY)).all()


@given(some.activations(), some.levels)
def test_encoding_is_deterministic(tensor: Floats, level: Level) -> None:
    """The same tensor and level give the same bytes, and decoding and encoding again changes no more."""
    assert encode(tensor, level) == encode(tensor, level)


def test_incompressible_input_falls_back_to_a_fixed_rate() -> None:
    """Symbols that entropy coding would inflate travel packed, at their fixed rate."""
    noise = np.random.default_rng(0).integers(0, 4, (1, 1, 32, 32)).astype(np.float32)
    payload = encode(noise, LEVELS["rans-2"])
    assert peek(payload).codec == PACKED
    assert np.array_equal(decode(payload, ANY), noise)


def test_a_tensor_of_many_tiny_channels_falls_back_to_raw() -> None:
    """Where headers and ranges outweigh what quantisation saves, raw floats travel."""
    tiny = np.array([[1.5]], np.float32)
    assert peek(encode(tiny, LEVELS["rans-8"])).codec == RAW


def test_entropy_coding_pays_on_sparse_activations() -> None:
    """rANS at 4 bits takes less than half of the fixed rate where most values are zero."""
    rng = np.random.default_rng(1)
    sparse = np.where(rng.random((1, 32, 24, 24)) < 0.9, 0, rng.random((1, 32, 24, 24))).astype(np.float32)
    payload = encode(sparse, LEVELS["rans-4"])
    assert peek(payload).codec == RANS
    assert len(payload) < 0.5 * len(encode(sparse, LEVELS["packed-4"]))


def test_channels_that_differ_share_no_histogram() -> None:
    """Channels of different spread are coded under histograms of their own, in fewer bytes than under one."""
    rng = np.random.default_rng(2)
    spread = np.array([0.02, 1.0] * 16)[None, :, None, None]
    mixed = (rng.normal(size=(1, 32, 24, 24)) * spread).astype(np.float32)
    mixed[:, :, 0, 0], mixed[:, :, 0, 1] = -4, 4  # so that the ranges are the same
    apart = len(encode(mixed, LEVELS["rans-5"], CodecParams(1, *_same(32))))
    together = len(encode(mixed.reshape(1, 1, -1), LEVELS["rans-5"], CodecParams(1, *_same(1))))
    assert apart < 0.85 * together


def _same(channels: int) -> tuple[Floats, Floats]:
    return np.full(channels, -4, np.float32), np.full(channels, 4, np.float32)


def test_values_outside_of_calibrated_ranges_are_clipped() -> None:
    """With given ranges, values beyond an end become it; infinities too, and NaN the value nearest to zero."""
    tensor = np.zeros((1, 2, 8), np.float32)
    tensor[0, 0, :4] = [5, np.inf, -np.inf, np.nan]
    tensor[0, 1] = np.nan
    params = CodecParams(1, np.array([-1, 2], np.float32), np.array([1, 3], np.float32))
    back = decode(encode(tensor, LEVELS["packed-8"], params), ANY)
    assert np.allclose(back[0, 0, :4], [1, 1, -1, 0], atol=0.01)
    assert np.allclose(back[0, 1], 2, atol=0.01)


def test_a_range_that_ends_in_zero_ends_there_exactly() -> None:
    """Zeros beside a channel of large negative values come back as zeros."""
    tensor = np.zeros((1, 2, 8), np.float32)
    tensor[0, 0, 0] = -8161
    assert not decode(encode(tensor, LEVELS["packed-8"]), ANY)[0, 1].any()


def test_ranges_are_measured_over_finite_values_only() -> None:
    """A stray infinity or NaN does not widen a channel's range."""
    tensor = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 2, 32)
    tensor[0, 0, 0], tensor[0, 1, 5] = np.inf, np.nan
    back = decode(encode(tensor, LEVELS["packed-8"]), ANY)
    assert np.abs(back[0, 0, 1:] - tensor[0, 0, 1:]).max() < 0.01
    assert back.max() <= 1.01


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_other_float_types_are_carried_as_float32(kind: type[np.floating]) -> None:
    """Half and double precision come back as float32; what leaves float32 becomes infinite or is clipped."""
    tensor = np.arange(12).astype(kind).reshape(3, 4)
    back = decode(encode(tensor, LEVELS["raw"]), ANY)
    assert back.dtype == np.float32
    assert np.array_equal(back, tensor.astype(np.float32))


def test_strided_input_is_encoded_as_it_looks() -> None:
    """A transposed or sliced view is encoded in its own order, not its memory's."""
    view = np.arange(240, dtype=np.float32).reshape(2, 4, 5, 6).transpose(0, 3, 1, 2)[:, ::2]
    for level in ALL_LEVELS.values():
        assert np.abs(decode(encode(view, level), ANY) - view).max() <= 240 / 3


def test_ranges_for_other_channels_are_refused() -> None:
    """Calibrated ranges must fit the tensor's channels and axes."""
    params = CodecParams(1, np.zeros(3, np.float32), np.ones(3, np.float32))
    for shape in ((1, 4, 5), (12,)):
        with pytest.raises(CodecError) as refusal:
            encode(np.zeros(shape, np.float32), LEVELS["rans-4"], params)
        assert refusal.value.fault is Fault.SHAPE_MISMATCH


def test_too_many_axes_are_refused() -> None:
    """Nine axes do not fit the header."""
    with pytest.raises(CodecError, match="9 axes"):
        encode(np.zeros((1,) * 9, np.float32), LEVELS["raw"])


def test_raw_payloads_are_not_copied() -> None:
    """A decoded raw payload is a view of its bytes."""
    payload = encode(np.ones((4, 4), np.float32), LEVELS["raw"])
    assert np.shares_memory(decode(payload, ANY), np.frombuffer(payload, np.uint8))


def test_the_registry_is_whole() -> None:
    """Every level's codec is registered, and every registered codec has a level of its own kind."""
    assert {level.codec for level in ALL_LEVELS.values()} == set(CODECS)
    for level in ALL_LEVELS.values():
        assert level.lossless == (type(CODECS[level.codec]).__name__ in ("Lossless", "Bytes"))
        assert (level.name in IMAGE_LEVELS) == (type(CODECS[level.codec]).__name__ in ("Bytes", "Picture"))
        assert ALL_LEVELS[level.name] is level


def test_every_level_is_taken_on_the_wire() -> None:
    """The header of a compressible tensor names the codec and bits that were asked for."""
    tensor = np.zeros((1, 16, 16, 16), np.float32)
    tensor[0, :, 0, :4] = 1
    for level in LEVELS.values():
        head = peek(encode(tensor, level))
        assert (head.codec, head.bits, head.shape) == (level.codec, level.bits, tensor.shape)
