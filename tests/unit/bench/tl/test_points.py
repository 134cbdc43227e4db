"""The whole comparison in small: a network as it is drawn, images of noise."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="bench/tl trains: pip install 'sliceplane[train]'")

import torch

from bench.tl import splits, uploads
from bench.tl.fashion import as_onnx, given, network
from bench.tl.report import WAYS, text
from bench.tl.task import Task
from slicer.run import Session


def test_every_way_gets_its_points(tmp_path: Path) -> None:
    """Payloads are counted whole; nothing lost gives the model's own accuracy; the ONNX file is the network."""
    torch.manual_seed(0)
    net = network().eval()
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), np.uint8)
    whole = as_onnx(net)
    answers = Session(whole)({"x": given(images)})["y"]
    assert np.allclose(answers, net(torch.from_numpy(given(images))).detach().numpy(), atol=1e-5)
    task = Task("t", whole, "relu1", images[:40], images[40:], answers[40:].argmax(1), given, 1, 8, "about")
    points = [*uploads.points(task), *splits.points(task, 1, [0.01], tmp_path)]
    assert {p.way for p in points} == set(WAYS)
    by_way = {p.way: p for p in points if p.setting in ("", "raw")}
    assert by_way["raw uint8"].accuracy == by_way["fp32 split"].accuracy == 1.0
    assert by_way["fp32 split"].bytes > 4 * 16 * 28 * 28 > by_way["paper's TL"].bytes > 16 * 28 * 28
    assert "## t" in text({"t": ("about", points)})
