"""What PP-OCR's models want and give: preprocessing of images, decoding of results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from PIL import Image

Array = npt.NDArray[np.float32]
MODELS = Path("build/models/rapidocr_onnxruntime/models")
FILES = {
    "orientation": MODELS / "ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "detection": MODELS / "ch_PP-OCRv4_det_infer.onnx",
    "recognition": MODELS / "ch_PP-OCRv4_rec_infer.onnx",
}


def _line(image: Image.Image, height: int, width: int, paper: int = 128) -> npt.NDArray[np.uint8]:
    """(1, 3, height, width) bytes, BGR: scaled to the height, padded with grey on the right."""
    scaled = min(width, max(1, round(image.width * height / image.height)))
    pixels = np.asarray(image.convert("RGB").resize((scaled, height), Image.Resampling.BILINEAR))
    out = np.full((1, 3, height, width), paper, np.uint8)
    out[0, :, :, :scaled] = pixels[:, :, ::-1].transpose(2, 0, 1)
    return out


def orientation_input(image: Image.Image) -> Array:
    """(1, 3, 48, 192) float32 in -1..1 for the orientation model."""
    return _line(image, 48, 192).astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def recognition_input(image: Image.Image) -> npt.NDArray[np.uint8]:
    """(1, 3, 48, 320) bytes for the recognition model as `prepare` makes it."""
    return _line(image, 48, 320)


def detection_input(image: Image.Image) -> Array:
    """(1, 3, 160, 320) for the detection model: ImageNet mean and deviation, sides multiples of 32."""
    pixels = np.asarray(image.convert("RGB").resize((320, 160), Image.Resampling.BILINEAR), np.float32) / 255.0
    mean, deviation = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    return np.ascontiguousarray(((pixels - mean) / deviation).transpose(2, 0, 1)[None], np.float32)


INPUTS: dict[str, Callable[[Image.Image], npt.NDArray[Any]]] = {
    "orientation": orientation_input,
    "detection": detection_input,
    "recognition": recognition_input,
}


def characters(model: Path = FILES["recognition"]) -> list[str]:
    """The recogniser's alphabet, from the model's own metadata; index 0 is CTC's blank."""
    meta = {p.key: p.value for p in onnx.load(str(model), load_external_data=False).metadata_props}
    return ["", *meta["character"].splitlines(), " "]


def decode(classes: npt.NDArray[np.int64], alphabet: list[str]) -> str:
    """Greedy CTC decoding of the best class of each step (steps,): repeats merged, blanks (class 0) dropped."""
    keep = (classes != 0) & np.concatenate(([True], classes[1:] != classes[:-1]))
    return "".join(alphabet[i] for i in classes[keep])
