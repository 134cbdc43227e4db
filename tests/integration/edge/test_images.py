"""A bundle that uploads images: agent, tail and Triton, at the levels of images."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from edge_agent.main import serve
from tests.fakes.edge_model import Cut, pictures, upload
from tests.fakes.edge_run import feed, lines, scores, settings
from tests.fakes.edge_tail import TailProcess


@pytest.fixture
def small() -> Cut:
    """The whole model behind the link."""
    return upload(side=32)


@pytest.mark.parametrize("level", ["u8", "u8-zstd", "jpeg-95", "webp-90"])
async def test_images_are_answered(tmp_path: Path, tail: TailProcess, small: Cut, level: str) -> None:
    """As the whole model answers the image: exactly, or nearly where the level loses something; in fewer bytes."""
    inputs = pictures(4, side=32)
    feed(tmp_path, inputs)
    await serve(
        settings(tmp_path, small, tail=tail.address, once=True, mode="split", level=level, deadline_ms=20_000),
        asyncio.Event(),
    )
    found = lines(tmp_path)
    assert {(line["answered_by"], line["level"]) for line in found} == {("split", level)}
    for line, image in zip(found, inputs, strict=True):
        near = 1e-5 if level.startswith("u8") else 0.1
        np.testing.assert_allclose(scores(line), small.expected(image), rtol=near, atol=near)
        assert line["activation_bytes"] <= image.size + 36
        assert (line["activation_bytes"] == image.size + 36) == (level == "u8")
