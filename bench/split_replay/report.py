"""The replay as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.allocator.report import table
from bench.lite0 import SIDE
from bench.split_replay.activations import SIZES
from bench.split_replay.networks import first_block
from bench.split_replay.photos import NAMES
from bench.split_replay.tables import FREE, LINK, PRIVATE, best
from bench.split_replay.ways import Measured, place_at
from bench.tl.task import CODED
from slicer.cost import Kind, Ranked

Networks = Mapping[str, Sequence[Ranked]]
Triton = Mapping[tuple[str, bool], Mapping[float, Sequence[Ranked]]]
"""DenseNet169 by TX2's processor and privacy, then by the device's factor."""
_SHOWN = ("raw", "raw-zstd", "rans-4", "rans-3", "zstd-3", "packed-3")


def text(free: Networks, private: Networks, triton: Triton, measured: Measured, factor: float) -> str:
    """The whole page."""
    return f"""# Published timings of 18 networks, replayed

Written by `make bench-split-replay`. Compute times are the published ones (TX2, Ampere: ScissionTL's benchmark data,
read in place), link {LINK.mbps:g} Mbit/s with {LINK.rtt_ms:g} ms round trip, no loss, the answer comes back. What our
codec takes, in bits and in time, and what JPEG and WebP take, was measured in this run and is from no paper.

## DenseNet169, Triton edge

Latency in ms, cut in brackets. *Private*: the input may not leave, the device runs the first convolution block, so the
cut is at layer {first_block("densenet169")} or later.

{_triton_table(triton, factor)}
By how much slower the device is at encoding than this machine (1: as fast), private, the best of ours:

{_factor_table(triton)}
## 18 networks, TX2 GPU, TensorFlow edge (Ampere)

Latency in ms of the best candidate of each column; *choice* is the fastest of all, local and uploads included. Where a
column is empty it has no admissible candidate. Without image codecs these stay local:
{_local_ones(free)}.

{_network_table(free, FREE)}
Private:

{_network_table(private, PRIVATE)}
![Latency of 18 networks](split-replay.png)

## What was measured

Activations of {measured.network} for {len(NAMES)} photographs that scikit-image
ships ({", ".join(NAMES)}), clip ranges calibrated on the same photographs, headers counted. Bits per element:

{_bits_table(measured)}
A published cut takes the bits of the cut of this network with the nearest share of the work before it: the published
networks' own weights are not at hand. Many of its cuts are at tensors without activation, which take more bits than
rectified ones as most published cuts have, DenseNet169's at layer 5 among them.

Ms on one core of this machine, medians:

{_time_table(measured)}
Images of {SIDE}×{SIDE}, raw and compressed, means with the message around them; encoding and decoding in ms here:

{_image_table(measured)}
## How to read it

- **Factor {factor:g}.** All that the device does for a codec, JPEG included, is this machine's time × {factor:g}: an
  assumption, a TX2 was not at hand. The edge decodes as fast as this machine. Nothing runs beside it in either place.
- **Levels.** Ours may lose no more than a quantiser to 8 values does, for which arXiv 2105.07102 reports less than one
  point of accuracy lost without training. What levels cost on real tasks is measured by `make bench-tl`, not here:
  for pooling and codec together see the rows "{CODED}" of [its page](transfer-layer.md), rans-3 and zstd-3 among them.
- **With TL** pools 2×2 first, as the paper's Transfer Layer does, at its published time, then quantises and codes. As
  in the paper, the tail must be trained for it. *Untrained* needs no training.
- **Layer 1** of most networks is the padded image: a split there is an upload by another name, and pooling halves the
  image's resolution. Its bits are taken from the first convolution, the nearest that was measured.
- **JPEG** is allowed in *choice* from quality 85 on. Resizing the camera's image to the network's input is counted
  nowhere.
- **Raw upload** to the Triton edge adds the other variant's time for layer 1, which the Triton data leave out.
- The private rule per network, by layer number: {_private_layers(free)}.
"""


def _triton_table(triton: Triton, factor: float) -> str:
    rows = []
    for (device, private), found in triton.items():
        cells = [_cell(found[factor], column, private) for column in FREE]
        rows.append([f"TX2 {device.upper()}", "yes" if private else "", *cells])
    return table(["device", "private", *FREE], rows)


def _cell(found: Sequence[Ranked], column: str, private: bool) -> str:
    one = best(found, column) if not private or column in PRIVATE else None
    if one is None:
        return ""
    where = f" ({one.candidate.at})" if one.candidate.at not in ("", "input") else ""
    return f"{one.totals.latency_ms:.1f}{where}"


def _factor_table(triton: Triton) -> str:
    rows = []
    for (device, private), by_factor in triton.items():
        if private:
            for column in ("ours, untrained", "ours, with TL"):
                winners = [best(found, column) for found in by_factor.values()]
                cells = [f"{w.totals.latency_ms:.1f} {w.candidate.level.split()[1]}" if w else "" for w in winners]
                rows.append([f"TX2 {device.upper()}", column, *cells])
    factors = [f"× {factor:g}" for factor in next(iter(triton.values()))]
    return table(["device", "", *factors], rows)


def _network_table(networks: Networks, columns: Sequence[str]) -> str:
    rows = []
    for name, found in networks.items():
        winner = best(found, "choice")
        cells = [f"{one.totals.latency_ms:.0f}" if (one := best(found, column)) else "" for column in columns]
        rows.append([name, *cells, _said(winner) if winner else ""])
    return table(["network", *columns, "which is"], rows)


def _said(one: Ranked) -> str:
    candidate = one.candidate
    return " ".join(part for part in (candidate.kind.value, candidate.at.replace("input", ""), candidate.level) if part)


def _bits_table(measured: Measured) -> str:
    rows = []
    nearest = [place_at(measured.places, share) for share in (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)]
    for place in {one.name: one for one in nearest}.values():
        for way, note in (("plain", ""), ("pooled", "pooled 2×2")):
            rows.append([f"{place.share:.0%}", note, *(f"{place.bits[way, level]:.2f}" for level in _SHOWN)])
    return table(["work before the cut", "", *_SHOWN], rows)


def _time_table(measured: Measured) -> str:
    rows = [
        [level, side, *(f"{value:.2f}" for value in times[level])]
        for level in _SHOWN
        for side, times in (("encode", measured.codec.encode_ms), ("decode", measured.codec.decode_ms))
    ]
    return table(["level", "", *(f"{size:,} elements" for size in SIZES)], rows)


def _image_table(measured: Measured) -> str:
    rows = [
        [one.level, f"{one.size:,.0f}", f"{one.encode.median_ms:.2f}", f"{one.decode.median_ms:.2f}"]
        for one in measured.images[SIDE]
    ]
    return table(["image", "bytes", "encode", "decode"], rows)


def _local_ones(networks: Networks) -> str:
    winners = {name: best(found, "no image codec") for name, found in networks.items()}
    return ", ".join(name for name, one in winners.items() if one and one.candidate.kind is Kind.LOCAL) or "none"


def _private_layers(networks: Networks) -> str:
    return ", ".join(f"{name} {first_block(name)}" for name in networks)
