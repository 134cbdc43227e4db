"""What the published timings do not say of their networks: input size, and where the first convolution block ends.

From the definitions in `keras.applications`, whose layers the timings number. The first block is the first convolution
with its normalisation, its activation and the padding after it, in VGG its two convolutions: the layer at which
a private cut may be. NASNet's normalisation stands behind its first cut and shifts and scales, no more.
"""

from __future__ import annotations

_SIDES = {"xception": 299, "inception_v3": 299, "inceptionresnet_v2": 299, "nasnetlarge": 331}
_FIRST_BLOCKS = {
    "vgg": 2, "xception": 3, "inception": 3, "densenet": 5, "mobilenet": 4, "nasnet": 1,
    "resnet50v2": 3, "resnet101v2": 3, "resnet152v2": 3, "resnet": 5,
}  # fmt: skip


def side_of(model: str) -> int:
    """Pixels along each edge of the input."""
    return _SIDES.get(model, 224)


def first_block(model: str) -> int:
    """The least layer that a private cut may be at. Raises KeyError for a network not known here."""
    for start, layer in _FIRST_BLOCKS.items():
        if model.startswith(start):
            return layer
    raise KeyError(model)
