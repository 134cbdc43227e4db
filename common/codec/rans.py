"""Codes symbols with rANS under measured histograms; the one file that knows `constriction`.

The body: u8 histograms; if there are several, the one of each channel, four bits each; each histogram as
`histogram.trim` packs it; then the coder's little-endian u32 words, channels of the first histogram on top.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from constriction import stream

from common.codec import histogram
from common.codec.errors import CodecError, Fault

Symbols = npt.NDArray[np.uint8]


def pack(symbols: Symbols, bits: int) -> bytes:
    """The symbols (channels, elements), those of channels with one histogram together."""
    counts = histogram.count(symbols, 1 << bits)
    ids = histogram.group(counts)
    groups = int(ids.max(initial=0)) + 1
    tables = [histogram.codes(counts[ids == one].sum(axis=0)) for one in range(groups)]
    coder = stream.stack.AnsCoder()
    for one in reversed(range(groups)):  # a stack: what is pushed last comes back first
        chosen = symbols if groups == 1 else symbols[ids == one]
        coder.encode_reverse(np.ravel(chosen).astype(np.int32), _model(tables[one]))
    words = coder.get_compressed().astype("<u4", copy=False)
    return b"".join((bytes((groups,)), _nibbles(ids, groups), *map(histogram.trim, tables), words.tobytes()))


def unpack(body: memoryview, shape: tuple[int, int], bits: int) -> Symbols:
    """The symbols (channels, elements). Raises CodecError."""
    channels, elements = shape
    ids, tables, words = _preamble(body, channels, bits)
    coder = _coder(words)
    symbols = np.empty(shape, np.uint8)
    for one, table in enumerate(tables):
        chosen = ids == one
        here = int(np.count_nonzero(chosen))
        if here:
            symbols[chosen] = coder.decode(_model(table), here * elements).reshape(here, elements)
    if not coder.is_empty():
        raise CodecError(Fault.CORRUPT, "the coded body holds more than its elements")
    return symbols


def _preamble(
    body: memoryview, channels: int, bits: int
) -> tuple[npt.NDArray[np.uint8], list[histogram.Codes], memoryview]:
    """Which histogram each channel uses, the histograms, and the words after them."""
    groups = body[0] if body else 0
    if not 1 <= groups <= histogram.MOST_GROUPS:
        raise CodecError(Fault.CORRUPT, f"{groups} histograms are none of 1 to {histogram.MOST_GROUPS}")
    ids, rest = _ids(body[1:], channels, groups)
    tables = []
    for _ in range(groups):
        table, rest = histogram.untrim(rest, 1 << bits)
        tables.append(table)
    return ids, tables, rest


def _ids(block: memoryview, channels: int, groups: int) -> tuple[npt.NDArray[np.uint8], memoryview]:
    if groups == 1:
        return np.zeros(channels, np.uint8), block
    size = (channels + 1) // 2
    if len(block) < size:
        raise CodecError(Fault.TRUNCATED, "the payload ends within its histograms")
    pairs = np.frombuffer(block[:size], np.uint8)
    ids = np.stack((pairs >> 4, pairs & 15), axis=1).ravel()[:channels]
    if (ids >= groups).any():
        raise CodecError(Fault.CORRUPT, "a channel uses a histogram that is not there")
    return ids, block[size:]


def _nibbles(ids: npt.NDArray[np.uint8], groups: int) -> bytes:
    if groups == 1:
        return b""
    even = np.append(ids, np.uint8(0)) if ids.size % 2 else ids
    return (even[0::2] << 4 | even[1::2]).astype(np.uint8).tobytes()


def _model(table: histogram.Codes) -> Any:
    return stream.model.Categorical(histogram.probabilities(table), perfect=False)


def _coder(words: memoryview) -> Any:
    if len(words) % 4:
        raise CodecError(Fault.CORRUPT, "the coded body is not whole words")
    data = np.frombuffer(words, "<u4").astype(np.uint32)
    if data.size and not data[-1]:
        raise CodecError(Fault.CORRUPT, "the coded body ends in a zero word")
    return stream.stack.AnsCoder(data) if data.size else stream.stack.AnsCoder()
