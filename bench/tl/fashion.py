"""Fashion-MNIST (Debian's dataset-fashion-mnist, MIT) and a small CNN trained on it, as ONNX."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import nn

from bench.tl.task import Bytes, Floats, Labels, Task

FOLDER = Path("/usr/share/datasets/fashion-mnist")
EPOCHS = 6
_BATCH = 100


def task(cache: Path, trained_on: int) -> Task:
    """The comparison, `trained_on` images for the Transfer Layers; the model is trained on all 60,000, once."""
    if not FOLDER.exists():
        raise SystemExit(f"error: {FOLDER} is missing: apt-get install dataset-fashion-mnist")
    images, labels = _read("train")
    tested, told = _read("t10k")
    path = cache / "fashion.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(_trained(images, labels), path)
    about = f"10,000 test images, a small CNN (three convolutions) cut behind the first one (16×28×28). {trained_on:,}"
    about += " training images without labels for the layers."
    return Task("Fashion-MNIST", onnx.load(path), "relu1", images[:trained_on], tested, told, given, 2, 64, about)


def given(images: Bytes) -> Floats:
    """N×1×28×28 in 0 to 1."""
    scaled: Floats = images[:, None].astype(np.float32) / np.float32(255)
    return scaled


def _read(name: str) -> tuple[Bytes, Labels]:
    images = gzip.decompress((FOLDER / f"{name}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((FOLDER / f"{name}-labels-idx1-ubyte.gz").read_bytes())
    return (
        np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28),
        np.frombuffer(labels, np.uint8, offset=8).astype(np.int64),
    )


def network() -> nn.Sequential:
    """Three convolutions and a layer of classes."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 1, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1),
        nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 49, 10),
    )  # fmt: skip


def _trained(images: Bytes, labels: Labels) -> ModelProto:
    torch.manual_seed(0)
    made = network()
    steps = torch.optim.Adam(made.parameters(), 1e-3)
    plan = torch.optim.lr_scheduler.OneCycleLR(steps, 3e-3, total_steps=EPOCHS * len(images) // _BATCH)
    for epoch in range(EPOCHS):
        order = np.random.default_rng(epoch).permutation(len(images))
        for rows in order.reshape(-1, _BATCH):
            loss = F.cross_entropy(made(torch.from_numpy(given(images[rows]))), torch.from_numpy(labels[rows]))
            steps.zero_grad()
            loss.backward()
            steps.step()
            plan.step()
    return as_onnx(made)


def as_onnx(made: nn.Sequential) -> ModelProto:
    """The network without its dropout; tensors are x, conv1, relu1 and so on, y."""
    nodes, weights, last = [], [], "x"
    for number, index in enumerate((0, 2, 4, 8), start=1):
        names = [f"{kind}{number}" for kind in ("w", "b")]
        values = [made.state_dict()[f"{index}.{kind}"] for kind in ("weight", "bias")]
        weights += [numpy_helper.from_array(v.numpy(), n) for v, n in zip(values, names, strict=True)]
        if number == 4:
            nodes.append(helper.make_node("Flatten", [last], ["flat"]))
            nodes.append(helper.make_node("Gemm", ["flat", *names], ["y"], transB=1))
            break
        strides = [1, 1] if number == 1 else [2, 2]
        nodes.append(helper.make_node("Conv", [last, *names], [f"conv{number}"], pads=[1, 1, 1, 1], strides=strides))
        last = f"relu{number}"
        nodes.append(helper.make_node("Relu", [f"conv{number}"], [last]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 28, 28])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])
    graph = helper.make_graph(nodes, "fashion", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
