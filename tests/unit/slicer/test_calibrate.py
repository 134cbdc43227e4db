"""Calibration: ranges that tell apart what matters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.codec import LEVELS, CodecError, Limits, decode, encode
from common.codec.levels import BITS
from slicer.calibrate import METHODS, clips, even_clips, steps

RNG = np.random.default_rng(0)
SPREAD = np.array([0.1, 1.0, 10.0], np.float32)[None, :, None, None]
SAMPLES = [(RNG.normal(size=(1, 3, 20, width)).astype(np.float32) * SPREAD) for width in (20, 31)]


@pytest.mark.parametrize("method", METHODS)
def test_ranges_come_for_every_level(method: str) -> None:
    """Each number of bits has ranges per channel within the samples' extremes, wider channels wider."""
    found = clips(SAMPLES, method)
    assert set(found) == set(BITS)
    lowest = np.min([one.min(axis=(0, 2, 3)) for one in SAMPLES], axis=0)
    highest = np.max([one.max(axis=(0, 2, 3)) for one in SAMPLES], axis=0)
    for params in found.values():
        assert params.axis == 1
        assert (params.lo >= lowest).all()
        assert (params.hi <= highest).all()
        assert (np.diff(params.hi - params.lo) > 0).all()


def test_minmax_keeps_every_value() -> None:
    """minmax clips nothing of the samples."""
    params = clips(SAMPLES, "minmax")[4]
    assert all((one >= params.lo[:, None, None]).all() for one in SAMPLES)
    assert all((one <= params.hi[:, None, None]).all() for one in SAMPLES)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_least_error_beats_keeping_outliers(bits: int) -> None:
    """At few bits the chosen ranges reproduce heavy-tailed activations better than their extremes do."""
    heavy = (RNG.standard_t(3, (1, 4, 60, 60))).astype(np.float32)
    level = LEVELS[f"packed-{bits}"]

    def error(method: str) -> float:
        payload = encode(heavy, level, clips([heavy], method)[bits])
        return float(np.square(decode(payload, Limits(heavy.size)) - heavy).mean())

    assert error("mse") < 0.5 * error("minmax")


def test_odd_values_do_not_spoil_ranges() -> None:
    """NaN and infinities in samples leave finite ranges."""
    odd = SAMPLES[0].copy()
    odd[0, :, 0, 0] = [np.nan, np.inf, -np.inf]
    for method in METHODS:
        for params in clips([odd], method).values():
            assert np.isfinite(params.lo).all()
            assert np.isfinite(params.hi).all()


def test_ranges_fit_activations_of_other_sizes_only_by_channel() -> None:
    """Ranges serve any batch and size, but not another number of channels."""
    params = clips(SAMPLES)[4]
    assert decode(encode(np.zeros((2, 3, 4, 5), np.float32), LEVELS["rans-4"], params), Limits(120)).shape == (
        2,
        3,
        4,
        5,
    )
    with pytest.raises(CodecError):
        encode(np.zeros((2, 4, 4, 5), np.float32), LEVELS["rans-4"], params)


@given(st.sampled_from(["minmax", "mse", "percentile"]), st.integers(0, 2**32))
def test_even_ranges_keep_what_the_method_says(method: str, seed: int) -> None:
    """One range for all channels; no more is cut off than the method allows; the finer the steps the more is."""
    maps = [np.random.default_rng(seed).laplace(size=(1, 4, 50, 50)).astype(np.float32)]
    found = even_clips(maps, method)
    allowed = {"minmax": 0, "mse": 1, "percentile": 20}[method]
    for bits, params in found.items():
        assert (params.lo.size, params.axis) == (1, 1)
        assert np.count_nonzero(np.abs(maps[0]) > -params.lo[0]) <= allowed + 1
        assert steps(float(-params.lo[0]), bits) == pytest.approx(float(params.hi[0] + params.lo[0]), rel=1e-3)
