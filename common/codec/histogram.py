"""Histograms for the entropy coder: measured, shared by channels that are alike, and sent in few bytes.

A weight travels as its logarithm in eighths of an octave, a byte each; 0 is a symbol that does not occur. That is
within 4.5 % of the measured weight, which costs about a thousandth of a bit per symbol. Weights and sums are
integers, so that encoder and decoder derive the same table on any machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.codec.errors import CodecError, Fault

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]

MOST_GROUPS = 16
_ROUNDS = 3
_BINS = 32
_MANTISSAS = np.array([256, 279, 304, 332, 362, 395, 431, 470], np.int64)  # 256 · 2^(i/8)
_WEIGHTS = np.concatenate(([0], (_MANTISSAS[None, :] << np.arange(32)[:, None]).ravel()[:255]))


def count(symbols: npt.NDArray[np.uint8], alphabet: int) -> Counts:
    """How often each symbol occurs in each channel of (channels, elements): (channels, alphabet)."""
    channels = symbols.shape[0]
    offsets = np.arange(channels, dtype=np.int32)[:, None] * np.int32(alphabet)
    return np.bincount((symbols + offsets).ravel(), minlength=channels * alphabet).reshape(channels, alphabet)


def group(whole: Counts) -> npt.NDArray[np.uint8]:
    """Which histogram each channel of `count` shall use, (channels,): as many as pay for themselves, at most 16.

    Channels are ordered by their mean symbol and divided evenly, then each moves to the group whose histogram codes
    it in the fewest bits, a few times over (Lloyd's algorithm under the relative entropy).
    """
    counts = whole.astype(np.float64)
    coarse = _coarse(counts)
    channels = counts.shape[0]
    best = np.zeros(channels, np.uint8)
    least = _cost(counts, best, 1)
    for groups in (4, MOST_GROUPS):
        if channels >= 2 * groups:
            ids = _lloyd(coarse, groups)
            cost = _cost(counts, ids, groups)
            if cost < least:
                best, least = ids, cost
    return _renumbered(best)


def codes(counts: Counts) -> Codes:
    """The nearest codes of each weight, for (groups, alphabet) or (alphabet,); what occurs keeps a code above 0."""
    logs = np.rint(np.log2(np.maximum(counts, 1)) * 8).astype(np.int64)
    return np.where(counts > 0, np.clip(logs + 1, 1, 255), 0).astype(np.uint8)


def probabilities(row: Codes) -> Floats:
    """The distribution that one row of codes stands for. Raises CodecError where nothing may occur."""
    weights = _WEIGHTS[row]
    total = int(weights.sum())
    if not total:
        raise CodecError(Fault.CORRUPT, "a histogram is empty")
    return weights / np.float64(total)


def trim(row: Codes) -> bytes:
    """A row of codes without the symbols that lie outside of what occurs: first, last, codes."""
    used = np.flatnonzero(row)
    first, last = (int(used[0]), int(used[-1])) if used.size else (0, 0)
    return bytes((first, last)) + row[first : last + 1].tobytes()


def untrim(block: memoryview, alphabet: int) -> tuple[Codes, memoryview]:
    """The row that `trim` packed and the bytes after it. Raises CodecError."""
    if len(block) < 2:
        raise CodecError(Fault.TRUNCATED, "the payload ends within its histograms")
    first, last = block[0], block[1]
    if first > last or last >= alphabet:
        raise CodecError(Fault.CORRUPT, "a histogram is of other symbols than its level has")
    end = 2 + last - first + 1
    if len(block) < end:
        raise CodecError(Fault.TRUNCATED, "the payload ends within its histograms")
    row = np.zeros(alphabet, np.uint8)
    row[first : last + 1] = np.frombuffer(block[2:end], np.uint8)
    return row, block[end:]


def _lloyd(counts: Floats, groups: int) -> npt.NDArray[np.uint8]:
    channels, alphabet = counts.shape
    means = (counts * np.arange(alphabet)).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    ids = np.empty(channels, np.int64)
    ids[np.argsort(means, kind="stable")] = np.arange(channels) * groups // channels
    for _ in range(_ROUNDS):
        ids = np.argmin(np.einsum("ca,ga->cg", counts, _bits(_sums(counts, ids, groups))), axis=1)
    return ids.astype(np.uint8)


def _coarse(counts: Floats) -> Floats:
    """At most 32 columns, neighbours added: enough to tell which channels are alike, in a fraction of the time."""
    channels, alphabet = counts.shape
    coarse: Floats = counts.reshape(channels, min(alphabet, _BINS), -1).sum(axis=2)
    return coarse


# No matrix products here or in _lloyd: on matrices this small BLAS loses more in waking its threads than it gains.
def _sums(counts: Floats, ids: npt.NDArray[np.integer], groups: int) -> Floats:
    order = np.argsort(ids, kind="stable")
    present, starts = np.unique(ids[order], return_index=True)
    sums = np.zeros((groups, counts.shape[1]))
    sums[present] = np.add.reduceat(counts[order], starts, axis=0)
    return sums


def _bits(sums: Floats) -> Floats:
    """Bits of each symbol under each group's histogram; a small share is kept for what does not occur in it."""
    shares = (sums + 0.01) / (sums.sum(axis=1, keepdims=True) + 0.01 * sums.shape[1])
    bits: Floats = -np.log2(shares)
    return bits


def _cost(counts: Floats, ids: npt.NDArray[np.integer], groups: int) -> float:
    """Bits of the symbols, the tables and the ids together."""
    sums = _sums(counts, ids, groups)
    tables = 8.0 * (np.count_nonzero(sums) + 2 * groups)
    return float((sums * _bits(sums)).sum()) + tables + (4.0 * ids.size if groups > 1 else 0.0)


def _renumbered(ids: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The same groups without gaps."""
    return np.unique(ids, return_inverse=True)[1].astype(np.uint8)
