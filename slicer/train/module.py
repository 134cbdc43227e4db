"""A torch module as the ONNX model that everything here works on: cuts, layers, training, bundles."""

from __future__ import annotations

import io
import warnings

import onnx
import torch
from onnx import ModelProto
from torch import Tensor, nn

from slicer.model import SlicerError


def exported(
    module: nn.Module, example: Tensor, *, given: str = "x", answer: str = "y", open_batch: bool = True
) -> ModelProto:
    """The module as it infers, with one input and one output of these names.

    `example`: an input, N×...; where `open_batch` the model takes any N, else that of the example. A module that asks
    for its input's sizes then passes them on beside the tensors, and has no cut before that: close the batch for it.
    Raises SlicerError for modules that cannot be traced.
    """
    content = io.BytesIO()
    training = module.training
    try:
        with warnings.catch_warnings():  # this exporter is called old; the new one needs another package
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(), (example,), content, dynamo=False, input_names=[given], output_names=[answer],
                dynamic_axes={given: {0: "N"}, answer: {0: "N"}} if open_batch else None,
            )  # fmt: skip
    except (RuntimeError, TypeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
        raise SlicerError(
            f"torch cannot export the module: {(str(error) or repr(error)).splitlines()[0][:200]}"
        ) from error
    finally:
        module.train(training)
    return onnx.load_from_string(content.getvalue())
