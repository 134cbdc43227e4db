"""The cost model replays what ScissionTL published, mistakes included, and what is right without them."""

from typing import Any

import pytest

from bench.split_replay.published import golden, networks, triton
from slicer.cost import (
    FP32,
    PUBLISHED,
    TRANSFER_LAYER,
    Coded,
    Coding,
    Criteria,
    Defects,
    Kind,
    Layer,
    Link,
    candidates,
    rank,
)  # fmt: skip
from tests.shared_data import shared_data

PING_MS = 27.4
TOLERANCE_MS = 0.1
RAW_IMAGE = Coding("raw", lambda _: Coded(224 * 224 * 3), lossless=True)
PRIVATE = Criteria(private=Layer("layer 5", 5))


def _best(found: list[Any], count: int) -> list[tuple[float, str]]:
    return [(one.totals.latency_ms, one.candidate.at) for one in found[:count]]


def _same(found: list[tuple[float, str]], rows: list[list[float]]) -> None:
    """The same cuts; times to 0.1 ms. Cuts closer than that may stand in either order."""
    by_layer = {at: ms for ms, at in found}
    assert by_layer.keys() == {str(int(row[-1])) for row in rows}
    for row in rows:
        assert by_layer[str(int(row[-1]))] == pytest.approx(row[0] * 1e3, abs=TOLERANCE_MS)


def test_the_published_predictions_of_densenet169() -> None:
    """TX2 GPU to Ampere, 58.8 Mbit/s: the five best cuts, their sizes and times, as published."""
    folder = shared_data("data", "scissionlite")
    rows = golden(folder)["tf_variant"]["rows"]
    link = Link(58.8, PING_MS, rtt_each_way=True)
    wrong = Defects(no_local=True, no_upload=True)
    found = rank(candidates(networks(folder)["densenet169"], [TRANSFER_LAYER], [RAW_IMAGE], wrong), link)
    _same(_best(found, 5), rows)
    sizes = {one.candidate.at: one.candidate.upload_bytes / 1e6 for one in found}
    assert [sizes[str(row[2])] for row in rows] == pytest.approx([row[1] for row in rows], abs=1e-4)


def test_the_triton_variant_as_published() -> None:
    """At 58 Mbit/s, what the device does for the Transfer Layer counted twice: the published five."""
    folder = shared_data("data", "scissionlite")
    rows = golden(folder)["triton_variant_as_published"]["rows"]
    link = Link(58.0, PING_MS, rtt_each_way=True)
    _same(_best(rank(candidates(triton(folder, "gpu"), [TRANSFER_LAYER], (), PUBLISHED), link), 5), rows)


@pytest.mark.parametrize(("mbps", "key"), [(60.0, "mbps60"), (58.0, "mbps58")])
def test_the_triton_variant_counted_once(mbps: float, key: str) -> None:
    """The same measurements with each stage counted once."""
    folder = shared_data("data", "scissionlite")
    rows = golden(folder)["triton_variant_corrected_single_count"][key]
    only = Defects(no_local=True, no_upload=True)
    _same(_best(rank(candidates(triton(folder, "gpu"), [TRANSFER_LAYER], (), only), Link(mbps, PING_MS)), 5), rows)


@pytest.mark.parametrize(("device", "plain", "pooled"), [("cpu", 480, 199), ("gpu", 255, 149)])
def test_the_private_baselines(device: str, plain: float, pooled: float) -> None:
    """With the first convolution block on the device: without Transfer Layer, and with the paper's (whole ms)."""
    blocks = triton(shared_data("data", "scissionlite"), device)
    for coding, want in ((FP32, plain), (TRANSFER_LAYER, pooled)):
        best = rank([one for one in candidates(blocks, [coding]) if one.kind is Kind.SPLIT], Link(60, PING_MS), PRIVATE)
        assert not best[0].refused
        assert best[0].totals.latency_ms == pytest.approx(want, abs=0.5)


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_the_whole_network_locally(device: str) -> None:
    """Local-only is the sum of all blocks: what was measured of the whole network."""
    folder = shared_data("data", "scissionlite")
    said = golden(folder)["local_full_network_s"][f"densenet169_tx2_{device}"]
    local = candidates(triton(folder, device), [])[0]
    assert local.kind is Kind.LOCAL
    assert local.device_ms == pytest.approx(said * 1e3, abs=TOLERANCE_MS)


def test_all_18_networks_replay() -> None:
    """Every cut of every network is the plain sum of its blocks, link and Transfer Layer."""
    found = networks(shared_data("data", "scissionlite"))
    assert len(found) == 18
    for blocks in found.values():
        ranked = rank(candidates(blocks, [FP32, TRANSFER_LAYER]), Link(60, PING_MS))
        by_cut = {(one.candidate.level, one.candidate.at): one.totals.latency_ms for one in ranked}
        assert len(by_cut) == 1 + len(blocks) - 1 + sum(bool(block.pooled_bytes) for block in blocks[:-1])
        for index, block in enumerate(blocks[:-1]):
            sums = sum(b.device_ms for b in blocks[: index + 1]) + sum(b.edge_ms for b in blocks[index + 1 :]) + PING_MS
            assert by_cut["fp32", str(block.layer)] == pytest.approx(sums + block.out_bytes / 7.5e3)
            if block.pooled_bytes:
                layer = block.down_ms + block.convert_ms + block.up_ms
                want = sums + layer + block.pooled_bytes / 7.5e3
                assert by_cut["paper-tl", str(block.layer)] == pytest.approx(want)


def test_vgg16_stays_local() -> None:
    """Where the published planner would offload, nothing beats the device itself: VGG16 on the TX2's GPU."""
    blocks = networks(shared_data("data", "scissionlite"))["vgg16"]
    link = Link(58.8, PING_MS)
    best = rank(candidates(blocks, [FP32, TRANSFER_LAYER], [RAW_IMAGE]), link)[0]
    assert best.candidate.kind is Kind.LOCAL
    published = rank(candidates(blocks, [FP32, TRANSFER_LAYER], [RAW_IMAGE], PUBLISHED), link)[0]
    assert published.candidate.kind is Kind.SPLIT
    assert published.totals.latency_ms > best.totals.latency_ms


def test_the_raw_image_beats_the_best_published_cut() -> None:
    """DenseNet169's best published cut sends more than the raw image does, and is slower than uploading that."""
    blocks = networks(shared_data("data", "scissionlite"))["densenet169"]
    ranked = rank(candidates(blocks, [FP32, TRANSFER_LAYER], [RAW_IMAGE]), Link(58.8, PING_MS))
    assert ranked[0].candidate.kind is Kind.UPLOAD
    cut = next(one for one in ranked if one.candidate.kind is Kind.SPLIT)
    assert cut.candidate.upload_bytes > ranked[0].candidate.upload_bytes
