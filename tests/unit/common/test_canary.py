"""The canary of a bundle: there and back, and refused where it is not what the manifest says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common import bundle
from common.bundle import Bundle, BundleError, BundleLimits
from common.bundle_manifest import Canary, Part, SampleLayout, Tensor, parse
from common.canary import DTYPES, Sample, pack, unpack
from tests.unit.common.test_bundle import CONTENT, MANIFEST, PARTS, _zipped

ARRAYS = hnp.arrays(
    st.sampled_from(sorted(DTYPES)).map(np.dtype), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
)
GROUP = st.dictionaries(st.sampled_from(["x", "y", "z"]), ARRAYS, max_size=3)
SAMPLE = Sample(
    {"image": np.arange(6, dtype=np.uint8).reshape(1, 6)}, {"classes": np.array([[2.0, 3.0]], np.float32)}, {}
)


@given(st.lists(st.builds(Sample, GROUP, GROUP, GROUP), max_size=3))
def test_there_and_back(samples: list[Sample]) -> None:
    """Whatever the types and sizes."""
    content, layouts = pack(samples)
    for one, back in zip(samples, unpack(content, layouts), strict=True):
        for group, again in ((one.inputs, back.inputs), (one.outputs, back.outputs), (one.joined, back.joined)):
            assert group.keys() == again.keys()
            for name, value in group.items():
                assert again[name].dtype == value.dtype
                np.testing.assert_array_equal(again[name], value)


def _written(*samples: Sample) -> tuple[bundle.Manifest, bytes]:
    content, layouts = pack(samples)
    part = Part("canary.bin", len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")
    manifest = replace(MANIFEST, canary=Canary(part, layouts))
    return manifest, bundle.write(manifest, {**PARTS, "canary": content})


def test_a_bundle_carries_it() -> None:
    """The manifest says what it holds; a bundle without has none, and its bytes are what they were."""
    manifest, content = _written(SAMPLE)
    opened = Bundle.open(content)
    assert opened.manifest.to_json() == manifest.to_json()
    (sample,) = opened.canary()
    np.testing.assert_array_equal(sample.inputs["image"], SAMPLE.inputs["image"])
    np.testing.assert_array_equal(sample.outputs["classes"], SAMPLE.outputs["classes"])
    assert Bundle.open(CONTENT).canary() == ()
    assert b"canary" not in CONTENT


def test_it_is_verified_as_all_parts_are() -> None:
    """A changed byte is seen when the bundle is opened; so are a canary that is missing, and one too many."""
    manifest, content = _written(SAMPLE)
    place = content.index(bytes(range(6)))
    with pytest.raises(BundleError, match=r"canary\.bin"):
        Bundle.open(content[:place] + b"\7" + content[place + 1 :])
    parts = [(f"{name}.onnx", part) for name, part in PARTS.items()]
    for document, more in ((manifest, []), (MANIFEST, [("canary.bin", b"x")])):
        with pytest.raises(BundleError, match="do not agree"):
            Bundle.open(_zipped([("manifest.json", document.to_json()), *parts, *more]))
    with pytest.raises(BundleError, match="larger than 10 bytes"):
        Bundle.open(content, BundleLimits(max_canary_bytes=10))


HUGE = 10**30
BAD: list[tuple[Tensor, bytes]] = [
    (Tensor("x", "object", (1,)), b"12345678"),
    (Tensor("x", "datetime64[s]", (1,)), b"12345678"),
    (Tensor("x", "uint8", ("N",)), b"1"),
    (Tensor("x", "uint8", (2,)), b"1"),
    (Tensor("x", "uint8", (HUGE,)), b"1"),
    (Tensor("x", "uint8", (0, HUGE)), b""),
]


@pytest.mark.parametrize(("tensor", "content"), BAD)
def test_hostile_layouts_are_refused(tensor: Tensor, content: bytes) -> None:
    """Types that are no numbers, open sizes, and sizes that are not there."""
    with pytest.raises(BundleError):
        unpack(content, [SampleLayout((tensor,), (), ())])


@pytest.mark.parametrize("wrong", [3, {"samples": []}, {"samples": 1}])
def test_a_wrong_canary_in_the_manifest_is_named(wrong: Any) -> None:
    """As every other field."""
    document = json.loads(MANIFEST.to_json())
    with pytest.raises(BundleError, match=r"manifest\.canary"):
        parse(json.dumps({**document, "canary": wrong}).encode())
