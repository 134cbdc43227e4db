"""Bundles: written the same each time, verified when opened, refused when damaged or hostile."""

import hashlib
import io
import json
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import bundle
from common.bundle import Bundle, BundleError, BundleLimits, Manifest
from common.bundle_manifest import Part, Rate, Tensor, parse
from common.codec import LEVELS, CodecParams, Limits, decode, encode
from common.names import is_digest

PARTS = {"head": b"the head" * 100, "tail": b"the tail" * 50, "model": b"the whole" * 200}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


MANIFEST = Manifest(
    model="reader",
    cut_id="3:relu",
    cut=Tensor("relu", "float32", ("N", 2, 6, "")),
    tail_input="relu",
    inputs=(Tensor("image", "uint8", ("N", 3, 48, "W")),),
    outputs=(Tensor("classes", "int64", ("N", "steps")),),
    parts={name: Part(f"{name}.onnx", len(content), _digest(content)) for name, content in PARTS.items()},
    levels=("raw", "rans-4"),
    default_level="rans-4",
    clips={4: CodecParams(1, np.array([0.1, -2], np.float32), np.array([0.7, 2], np.float32))},
)
CONTENT = bundle.write(MANIFEST, PARTS)


def test_what_is_written_is_read() -> None:
    """Parts, manifest and digest come back, from bytes and from a path."""
    opened = Bundle.open(CONTENT)
    assert (opened.head_bytes(), opened.tail_bytes(), opened.model_bytes()) == tuple(PARTS.values())
    assert opened.digest == _digest(CONTENT)
    assert is_digest(opened.digest)
    assert opened.manifest.to_json() == MANIFEST.to_json()


def test_a_bundle_is_read_from_a_path(tmp_path: Path) -> None:
    """A path opens like bytes do, given as Path or text."""
    path = tmp_path / "a.bundle"
    path.write_bytes(CONTENT)
    assert Bundle.open(path).digest == Bundle.open(str(path)).digest == Bundle.open(CONTENT).digest
    assert Bundle.open(path).tail_bytes() == PARTS["tail"]


def test_writing_is_deterministic() -> None:
    """The same content gives the same bytes, however the parts are ordered."""
    assert bundle.write(MANIFEST, dict(reversed(PARTS.items()))) == CONTENT


def test_the_cut_is_told_for_the_codec() -> None:
    """Shape with open sizes as None, and clip ranges by level, fit the codec."""
    opened = Bundle.open(CONTENT)
    assert opened.cut_id == "3:relu"
    assert opened.cut_shape == (None, 2, 6, None)
    assert opened.codec_params(LEVELS["rans-8"]) is None
    params = opened.codec_params(LEVELS["rans-4"])
    assert params is not None
    tensor = np.full((1, 2, 6, 4), 0.5, np.float32)
    back = decode(encode(tensor, LEVELS["rans-4"], params), Limits(100, opened.cut_shape))
    assert np.abs(back - tensor).max() <= 4 / 15 / 2 + 1e-3


def test_parts_that_change_after_opening_are_refused(tmp_path: Path) -> None:
    """Each read verifies the digest anew."""
    path = tmp_path / "a.bundle"
    path.write_bytes(CONTENT)
    opened = Bundle.open(path)
    path.write_bytes(CONTENT.replace(b"the tail", b"the snail"[:8], 1))
    assert opened.head_bytes() == PARTS["head"]
    with pytest.raises(BundleError, match=r"tail\.onnx"):
        opened.tail_bytes()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A bundle that is not there is an error with its path."""
    with pytest.raises(BundleError, match="absent"):
        Bundle.open(tmp_path / "absent.bundle")


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed_in_a_part(place: int, by: int) -> None:
    """With a byte changed anywhere a bundle is refused, or all of its parts are what they were."""
    changed = bytearray(CONTENT)
    changed[place] ^= by
    with suppress(BundleError):
        opened = Bundle.open(bytes(changed))
        assert (opened.head_bytes(), opened.tail_bytes(), opened.model_bytes()) == tuple(PARTS.values())
        assert opened.digest != _digest(CONTENT)


@given(st.integers(0, len(CONTENT) - 1))
def test_truncated_bundles_are_refused(end: int) -> None:
    """No proper start of a bundle opens."""
    with pytest.raises(BundleError):
        Bundle.open(CONTENT[:end])


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_bundle(content: bytes) -> None:
    """Bytes that are no zip raise BundleError only."""
    for rest in (content, b"PK\3\4" + content, CONTENT[:200] + content, content + CONTENT[-120:]):
        with pytest.raises(BundleError):
            Bundle.open(rest)


def _zipped(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def _entries(**changed: bytes) -> list[tuple[str, bytes]]:
    parts = {f"{name}.onnx": content for name, content in PARTS.items()}
    return list({"manifest.json": MANIFEST.to_json(), **parts, **changed}.items())


def test_compressed_entries_are_refused() -> None:
    """A zip that could inflate is no bundle: bombs cannot be built."""
    bomb = _entries(**{"head.onnx": b"\0" * (1 << 20)})
    with pytest.raises(BundleError, match="stored"):
        Bundle.open(_zipped(bomb, zipfile.ZIP_DEFLATED))


def test_other_entries_are_refused() -> None:
    """Entries that are missing, or too many, or lead out of the bundle, are refused."""
    for entries in (_entries()[:-1], [*_entries(), ("../evil", b"")], []):
        with pytest.raises(BundleError):
            Bundle.open(_zipped(entries))


def test_limits_hold() -> None:
    """Files and manifests larger than the limits are refused, which the message states."""
    with pytest.raises(BundleError, match="1000 bytes"):
        Bundle.open(CONTENT, BundleLimits(max_bytes=1000))
    with pytest.raises(BundleError, match="100 bytes"):
        Bundle.open(CONTENT, BundleLimits(max_manifest_bytes=100))


def test_parts_of_the_wrong_size_are_refused() -> None:
    """A part that is not as large as the manifest says is refused before it is read."""
    with pytest.raises(BundleError, match="as large"):
        Bundle.open(_zipped(_entries(**{"head.onnx": b"short"})))


def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(MANIFEST.to_json())
    return found


WRONG: dict[str, Any] = {
    "format": "sliceplane-bundle/9",
    "model": 3,
    "cut": None,
    "cut.id": ["x"],
    "cut.dtype": "int8",
    "cut.shape": [1, -5],
    "inputs": [],
    "outputs": [{"name": "y"}],
    "parts.head": {},
    "parts.tail.digest": "md5:1",
    "parts.model.file": "../../etc/passwd",
    "parts.model.size": True,
    "codec.levels": [1],
    "codec.default_level": "warp-9",
    "codec.clips": [{"bits": 4, "axis": 1, "lo": [float("nan")], "hi": [1.0]}],
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_field_is_named(field: str) -> None:
    """A manifest with one wrong field is refused in one line that names it."""
    document = _document()
    *path, last = field.split(".")
    inner = document
    for name in path:
        inner = inner[name]
    inner[last] = WRONG[field]
    with pytest.raises(BundleError) as refusal:
        parse(json.dumps(document).encode())
    assert last in str(refusal.value) or "part" in str(refusal.value) or "input" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"format": 1}'])
def test_manifests_that_are_no_objects_are_refused(content: bytes) -> None:
    """Whatever is no JSON object of the format is refused."""
    with pytest.raises(BundleError):
        parse(content)


def test_newer_levels_are_kept_but_not_needed() -> None:
    """A level that this release does not know is no reason to refuse, unless it is the one to start with."""
    newer = replace(MANIFEST, levels=("warp-9", "rans-4"))
    assert parse(newer.to_json()).levels == ("warp-9", "rans-4")


def test_a_manifest_keeps_its_layer_and_its_rates() -> None:
    """What a layer was measured to give comes back; a rate that is no number is refused by its field."""
    full = replace(MANIFEST, transfer_layer="pool", rates=(Rate("rans-4", 120.5, 0.91, "accuracy"),))
    again = parse(full.to_json())
    assert (again.transfer_layer, again.rates) == (full.transfer_layer, full.rates)
    assert not parse(MANIFEST.to_json()).rates
    broken = full.to_json().replace(b"120.5", b'"many"')
    with pytest.raises(BundleError, match=r"rates\[0\]\.bytes"):
        parse(broken)
