"""Inputs that come as bytes."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from common.errors import InvalidArgument
from edge_agent.inputs.payload import decode
from edge_agent.inputs.preprocess import Preprocess
from edge_agent.model import TensorSpec

X = TensorSpec("x", "float32", (None, 3, 4, 4))
Y = TensorSpec("y", "float32", (None, 2))


def npy(value: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


def test_tensors_and_images() -> None:
    """A .npy is the one input, an .npz each by its name, an image by the preprocessing; a batch axis may be missing."""
    x, y = np.ones((3, 4, 4), np.float32), np.zeros((1, 2), np.float32)
    assert decode("f", npy(x), None, (X,))["x"].shape == (1, 3, 4, 4)
    file = io.BytesIO()
    np.savez(file, x=x, y=y)
    found = decode("f", file.getvalue(), None, (X, Y))
    assert {name: value.shape for name, value in found.items()} == {"x": (1, 3, 4, 4), "y": (1, 2)}
    image = io.BytesIO()
    Image.new("RGB", (9, 9)).save(image, "PNG")
    assert decode("f", image.getvalue(), Preprocess(4, 4), (X,))["x"].shape == (1, 3, 4, 4)


def test_wrong_ones_say_why() -> None:
    """Each names the frame and the way out."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("x.npy", bytes(300 << 20))
    for payload, specs, why in (
        (b"GIF89a", (X,), "f7: .*--preprocess is needed"),
        (npy(np.ones(1)), (X, Y), "send an .npz with x, y"),
        (npy(np.ones(100))[:-1], (X,), "cut short"),
        (bomb.getvalue(), (X,), "unpacks to 314572800 bytes"),
    ):
        with pytest.raises(InvalidArgument, match=why):
            decode("f7", payload, None, specs)


@given(
    st.sampled_from([b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"\x89PNG\r\n"]), st.binary(max_size=200)
)
def test_any_bytes(start: bytes, rest: bytes) -> None:
    """Nothing but InvalidArgument comes of bytes that are no input."""
    with pytest.raises(InvalidArgument):
        decode("f", start + rest, Preprocess(4, 4), (X,))
