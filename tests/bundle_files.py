"""A small bundle, made here: a model that returns its input, cut in the middle."""

from __future__ import annotations

from common.bundle import write
from common.bundle_manifest import Manifest, Part, Tensor
from tests.onnx_files import identity, sha256


def small_bundle(**parts: bytes) -> bytes:
    """A bundle of three parts, by default ONNX files that return their input; `parts` replaces some."""
    content = {
        "head": identity(("n", 3)),
        "tail": identity(("n", 3), name="cut"),
        "model": identity(("n", 3)),
        **parts,
    }
    tensor = Tensor("x", "float32", ("n", 3))
    manifest = Manifest(
        model="small",
        cut_id="1:y",
        cut=Tensor("y", "float32", ("n", 3)),
        tail_input="cut",
        inputs=(tensor,),
        outputs=(Tensor("y", "float32", ("n", 3)),),
        parts={name: Part(f"{name}.onnx", len(data), sha256(data)) for name, data in content.items()},
        levels=("raw",),
        default_level="raw",
    )
    return write(manifest, content)
