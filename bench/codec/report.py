"""The codec's figures as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.codec.measure import Measured
from bench.codec.tensors import Tensor
from common.codec import LEVELS, U8, encode, peek

GOAL_MS = 8.0
STATED = "rans-3"
HEADER = peek(encode(np.zeros((1, 1, 1, 1), np.float32), LEVELS["raw"])).header_bytes

HEAD = f"""# The tensor codec, level by level

Written by `make bench-codec`: one core, medians of at most 25 runs. MB are of elements as they come, 4 bytes each as
float32, 1 as a pixel, whatever the level makes of them. Bytes are those of whole payloads, {HEADER} of them header
where a tensor has 4 axes. Clip ranges are calibrated on other tensors of the same kind. "÷ raw" is how many times
fewer bytes than raw float32 travel, "÷ zstd" how many times fewer than the zstd level of the same bits. A level that
would take more than packed bits or raw falls back by itself: where a zstd level has whole bits per element it is
packed, and its times are those of a try that failed and of packing.
"""

IMAGES = """Means over the images. Levels of images, too, take float32 elements; looking whether all are whole
numbers from 0 to 255 is part of encoding. Clip ranges are calibrated on the same images, but for 8 bits, where they
are 0 and 255 and nothing is lost. PSNR is that of pixels (peak 255), "most off" the largest error of one of them. "÷
u8" is how many times fewer bytes than one a pixel travel; "like" is the number of bits that the agent takes the
level for when it compares it with others (`kept` in `common/codec/levels.py`).
"""


def text(results: Mapping[str, tuple[Tensor, Sequence[Measured]]]) -> str:
    """The page; the picture is beside it."""
    kinds = {name: rows for name, (tensor, rows) in results.items() if not tensor.image}
    stated = [(name, one) for name, rows in kinds.items() for one in rows if one.level.name == STATED]
    first = f"At {STATED} (clipped, 8 levels, rANS), goal {GOAL_MS:g} ms to encode 400,000 elements:\n"
    first += "".join(f"\n- {name}: {_verdict(one)}" for name, one in stated) + "\n"
    parts = [HEAD, first, "![Bits per element and speed](codec.png)\n"]
    for name, (tensor, rows) in results.items():
        parts.append(f"## {name}: {tensor.elements:,} elements\n")
        parts += [IMAGES, _of_images(rows)] if tensor.image else [_table(rows)]
    return "\n".join(parts)


def _verdict(one: Measured) -> str:
    verdict = "within" if one.encode_ms <= GOAL_MS else "OVER"
    encoded = f"{one.elements:,} elements in {one.encode_ms:.1f} ms ({verdict} {GOAL_MS:g} ms)"
    return f"{encoded}, decoded in {one.decode_ms:.1f} ms"


def _table(rows: Sequence[Measured]) -> str:
    zstd = {one.level.bits: one.size for one in rows if "zstd" in one.level.name}
    lines = [
        "| level | bits/element | ÷ raw | ÷ zstd | encode ms | encode MB/s | decode ms | decode MB/s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.level.name} | {one.bits:.2f} | {32 / one.bits:.1f} | {zstd[one.level.bits] / one.size:.2f} "
        f"| {_speed(one)} |"
        for one in rows
    ]
    return "\n".join(lines) + "\n"


def _of_images(rows: Sequence[Measured]) -> str:
    """The levels of images first, then those for any tensor, as the codec has them."""
    plain = next(one.size for one in rows if one.level.codec == U8)
    lines = [
        "| level | bytes | bits/element | ÷ u8 | PSNR dB | most off | like | encode ms | encode MB/s | decode ms "
        "| decode MB/s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in sorted(rows, key=lambda one: one.level.codec < U8):
        lost = f"{one.psnr_db:.1f} | {one.most_off:.0f} | {one.level.kept:g}" if one.most_off else "lossless | 0 | "
        lines.append(
            f"| {one.level.name} | {one.size:,.0f} | {one.bits:.2f} | {plain / one.size:.1f} | {lost} | {_speed(one)} |"
        )
    return "\n".join(lines) + "\n"


def _speed(one: Measured) -> str:
    return f"{one.encode_ms:.2f} | {one.encode_mbs:,.0f} | {one.decode_ms:.2f} | {one.decode_mbs:,.0f}"
