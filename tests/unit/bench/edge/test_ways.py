"""The ways that `make bench-edge` compares name levels that their bundles offer."""

from bench.edge.__main__ import WAYS
from bench.edge.models import JPEG, SCALING
from common.bundle import Bundle
from edge_agent.encode import encoders_of, ladder_of
from slicer import bundle
from slicer.pixels import from_pixels
from tests.fakes.edge_model import convolutional


def test_uploads_are_bytes_jpeg_and_what_keeps_as_much() -> None:
    """A byte an element, JPEG at a stated quality, and a free choice that may take either."""
    whole = from_pixels(convolutional(), SCALING)
    made = Bundle.open(bundle.make(whole, "input", name="upload", level=JPEG))
    levels = {way: flags[-1].removeprefix("--level=") for way, (_, *flags) in WAYS.items() if "--level" in flags[-1]}
    assert levels["raw uint8"] == "u8"
    assert levels["JPEG 85"] == JPEG
    begin, ladder = ladder_of(made, encoders_of(made), "", "")
    assert begin == JPEG
    assert {"u8", JPEG} <= set(ladder.names[: ladder.enough])
