"""Inputs that come as bytes: an image, a .npy tensor, or an .npz with one tensor an input; told by how they begin."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from common.errors import InvalidArgument, Violation
from edge_agent.inputs import npy, preprocess
from edge_agent.inputs.complete import holds_npy
from edge_agent.inputs.folder import batched
from edge_agent.inputs.preprocess import Preprocess
from edge_agent.model import Array, Tensors, TensorSpec

NPY, NPZ = b"\x93NUMPY", b"PK\x03\x04"
MAX_BYTES = 256 << 20


def decode(name: str, payload: bytes, spec: Preprocess | None, specs: tuple[TensorSpec, ...]) -> Tensors:
    """The model's inputs. `name` is what errors call it. Raises InvalidArgument."""
    if payload.startswith(NPZ):
        return _npz(name, payload, specs)
    if len(specs) != 1:
        raise _bad(name, f"the model has {len(specs)} inputs: send an .npz with {', '.join(s.name for s in specs)}")
    (only,) = specs
    if payload.startswith(NPY):
        return {only.name: batched(_npy(name, payload), only)}
    if spec is None:
        raise _bad(name, "it is no .npy and no .npz; for an image --preprocess is needed")
    return {only.name: preprocess.read(io.BytesIO(payload), spec, only.dtype, name)}


def _npz(name: str, payload: bytes, specs: tuple[TensorSpec, ...]) -> Tensors:
    known = {spec.name: spec for spec in specs}
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as members:
            sizes = [member.file_size for member in members.infolist()]
            if sum(sizes) > MAX_BYTES:  # before anything is unpacked
                raise _bad(name, f"it unpacks to {sum(sizes)} bytes, more than {MAX_BYTES}")
            tensors = {one.removesuffix(".npy"): _npy(name, members.read(one)) for one in members.namelist()}
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _bad(name, f"it is no .npz that can be read: {error}") from error
    return {one: batched(value, known[one]) if one in known else value for one, value in tensors.items()}


def _npy(name: str, payload: bytes) -> Array:
    file = io.BytesIO(payload)
    try:
        if not holds_npy(file, len(payload)):
            raise _bad(name, "the tensor is cut short")
        file.seek(0)
        return np.asarray(npy.loaded(file))
    except (OSError, ValueError, EOFError, MemoryError, SyntaxError, TypeError) as error:
        raise _bad(name, f"it is no .npy that can be read: {error}") from error


def _bad(name: str, why: str) -> InvalidArgument:
    return InvalidArgument(Violation(name, why))
