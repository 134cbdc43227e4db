"""Solar cells (elpv-dataset, CC BY-NC-SA 4.0: electroluminescence, functional or defective) and EfficientNet-Lite0."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import ModelProto
from PIL import Image
from torch import nn

from bench import lite0
from bench.tl.task import Bytes, Floats, Labels, Task

EPOCHS = 6
CUT = "/_blocks.4/Add_output_0"  # 40×28×28: the last tensor before the third halving
_BATCH = 24
_TESTED = 0.25
_TOGETHER = 41  # cells that follow each other come from one module: some of it in training would tell of the rest
_DEFECTIVE = 0.5  # from this probability on, which is what experts said of the cell


def task(cache: Path, folder: Path) -> Task:
    """The comparison; `folder`: where bench/tl/fetch.sh put the images. Fine-tunes the model where it is not cached."""
    images, labels = _read(folder)
    tested, trained = _apart(len(images))
    path = cache / "solar.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(_tuned(images[trained], labels[trained]), path)
    about = f"{len(tested)} test images, EfficientNet-Lite0 fine-tuned on {len(trained)} others of the 2,624, cut at "
    about += "40×28×28. The same images, without labels, for the layers."
    return Task(
        "Solar cells", onnx.load(path), CUT, images[trained], images[tested], labels[tested], given, 1, 24, about
    )


def given(images: Bytes) -> Floats:
    """N×3×224×224, as the network's weights expect pixels."""
    scaled = (images[:, None].astype(np.float32) - np.float32(127)) / np.float32(128)
    return np.repeat(scaled, 3, axis=1)


def _apart(count: int) -> tuple[Labels, Labels]:
    """Rows to test and to train on: runs of cells are on one side or on the other."""
    runs = np.random.default_rng(0).permutation(-(-count // _TOGETHER))
    test = np.isin(np.arange(count) // _TOGETHER, runs[: round(_TESTED * len(runs))])
    return np.flatnonzero(test), np.flatnonzero(~test)


def _read(folder: Path) -> tuple[Bytes, Labels]:
    data = folder / "elpv_dataset" / "data"
    if not data.exists():
        raise SystemExit(f"error: {data} is missing: run bench/tl/fetch.sh")
    with (data / "labels.csv").open() as lines:
        rows = [line.split() for (line,) in csv.reader(lines)]
    images = [Image.open(data / row[0]).convert("L").resize((lite0.SIDE, lite0.SIDE)) for row in rows]
    labels = np.array([float(row[1]) >= _DEFECTIVE for row in rows], np.int64)
    return np.stack([np.asarray(image) for image in images]), labels


def _tuned(images: Bytes, labels: Labels) -> ModelProto:
    """Fine-tuned on all layers, images mirrored and turned upside down at random."""
    torch.manual_seed(0)
    made = lite0.pretrained()
    made._fc = nn.Linear(made._fc.in_features, 2)
    made = made.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(made.parameters(), 1e-3, weight_decay=1e-2)
    count = len(images) // _BATCH
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=EPOCHS * count)
    for epoch in range(EPOCHS):
        drawn = np.random.default_rng(epoch)
        losses = []
        for rows in drawn.permutation(len(images))[: count * _BATCH].reshape(count, _BATCH):
            turned = images[rows][:, :: drawn.choice((-1, 1)), :: drawn.choice((-1, 1))]
            x = torch.from_numpy(given(turned)).contiguous(memory_format=torch.channels_last)
            loss = F.cross_entropy(made(x), torch.from_numpy(labels[rows]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
            losses.append(loss.item())
        print(f"solar cells, epoch {epoch + 1}/{EPOCHS}: loss {np.mean(losses):.4f}", file=sys.stderr, flush=True)
    return lite0.as_onnx(made, "x", "y")
