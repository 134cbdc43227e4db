"""The replay's own arithmetic: pooling, places, times between measured sizes, and every published network known."""

import numpy as np
import pytest

from bench.split_replay.activations import SIZES, CodecCost, Place, levels, pooled
from bench.split_replay.networks import first_block, side_of
from bench.split_replay.published import networks
from bench.split_replay.report import text
from bench.split_replay.tables import best, ranked
from bench.split_replay.ways import Measured, codings, place_at, uploads
from bench.tl.report import WAYS
from bench.tl.task import CODED
from slicer.cost import Block, Coded, Kind
from slicer.measure import Cost
from slicer.measure.spread import Spread
from tests.shared_data import shared_data

NAMES = [level.name for level in levels()]
TIMES = {name: tuple(size / 1e5 for size in SIZES) for name in NAMES}  # 1 ms for 100,000 elements
PLACES = [
    Place(share, f"at {share}", {(way, name): bits for way in ("plain", "pooled") for name in NAMES})
    for share, bits in ((0.1, 1.0), (0.5, 2.0))
]
MEASURED = Measured("a network", PLACES, CodecCost(TIMES, TIMES), {224: [], 299: [], 331: []})
BLOCKS = [Block(1, 10, 1, 4_000_000, 1_000_000, down_ms=2, up_ms=0.5), Block(2, 90, 9, 4_000)]


def test_pooling_leaves_odd_edges_out() -> None:
    """7×7 becomes 3×3, each the largest of four, as the published layer has it."""
    values = np.arange(49, dtype=np.float32).reshape(1, 1, 7, 7)
    assert pooled(values)[0, 0].tolist() == [[8, 10, 12], [22, 24, 26], [36, 38, 40]]


@pytest.mark.parametrize(("share", "name"), [(0.0, "at 0.1"), (0.29, "at 0.1"), (0.31, "at 0.5"), (1.0, "at 0.5")])
def test_the_nearest_place_counts(share: float, name: str) -> None:
    """By the share of the work before it."""
    assert place_at(PLACES, share).name == name


def test_codings_scale_bits_and_times() -> None:
    """A million elements at 1 bit: 125,000 bytes, 10 ms to encode here and 30 on the device, 10 to decode."""
    plain = codings(BLOCKS, MEASURED, "plain", 3.0)[0].of(BLOCKS[0])
    assert plain is not None
    assert (plain.size, plain.encode_ms, plain.decode_ms) == pytest.approx((125_000, 30, 10))
    halved = codings(BLOCKS, MEASURED, "pooled", 3.0)[0].of(BLOCKS[0])
    assert halved is not None
    assert (halved.size, halved.encode_ms, halved.decode_ms) == pytest.approx((31_250, 9.5, 3.0))
    assert codings(BLOCKS, MEASURED, "pooled", 3.0)[0].of(BLOCKS[1]) is None


def test_uploads_take_what_was_measured() -> None:
    """Encoding on the device, which is slower; decoding on the edge, which is not."""
    ten = Spread(10.0, 11.0, 0.1, 9)
    (raw,) = uploads([Cost("u8", 150_540, 150_540, ten, ten, True, None)], 3.0)
    assert (raw.level, raw.lossless, raw.of(BLOCKS[0])) == ("u8", True, Coded(150_540, 30.0, 10.0))


def test_every_published_network_has_its_columns() -> None:
    """Each has a first block that is one of its cuts or before one, and a choice in both columns."""
    for name, blocks in networks(shared_data("data", "scissionlite")).items():
        assert side_of(name) in MEASURED.images
        assert any(block.layer >= first_block(name) for block in blocks[:-1])
        for private in (False, True):
            found = ranked(name, blocks, MEASURED, 3.0, private)
            choice, local = best(found, "choice"), best(found, "local")
            assert choice is not None
            assert local is not None
            assert choice.totals.latency_ms <= local.totals.latency_ms
            assert not (private and choice.candidate.kind is Kind.UPLOAD)


def test_the_page_says_where_the_accuracy_of_pooling_and_codec_is_measured() -> None:
    """It names the rows by the word that bench-tl's page has for them."""
    found = {"densenet169": ranked("densenet169", BLOCKS, MEASURED, 3.0, private=False)}
    triton = {("cpu", True): {3.0: found["densenet169"]}}
    page = text(found, found, triton, MEASURED, 3.0)
    assert f'see the rows "{CODED}" of [its page](transfer-layer.md)' in page
    assert CODED in WAYS
