"""Printed product labels with known text: serials, lots and dates in several fonts, tilted, noisy, unevenly lit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import font_caladea
import font_roboto
import font_source_sans_pro
import font_source_serif_pro
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_FONTS = (
    font_roboto.RobotoMedium,
    font_roboto.RobotoBold,
    font_source_sans_pro.SourceSansProSemibold,
    font_source_serif_pro.SourceSerifProSemibold,
    font_caladea.Caladea,
)
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Label:
    """One rendered label: an upright or upside-down RGB image and the text that is printed on it."""

    image: Image.Image
    text: str
    upside_down: bool


def _text(rng: np.random.Generator) -> str:
    number = int(rng.integers(10_000, 99_999))
    letters = "".join(rng.choice(list(_LETTERS), 2))
    kinds = (
        f"SN {letters}{number}",
        f"LOT {int(rng.integers(10, 99))}-{number}",
        f"EXP 20{int(rng.integers(26, 32))}-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 29)):02d}",
        f"P/N {number}-{letters}",
        f"MFG {int(rng.integers(1, 29)):02d}.{int(rng.integers(1, 13)):02d}.20{int(rng.integers(20, 26))}",
    )
    return kinds[int(rng.integers(len(kinds)))]


def _worn(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.0, 0.6)))), dtype=np.float32)
    shade = np.linspace(float(rng.uniform(0.85, 1.0)), 1.0, pixels.shape[1], dtype=np.float32)[None, :, None]
    noisy = pixels * shade + rng.normal(0.0, float(rng.uniform(1.0, 6.0)), pixels.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def render(seed: int, *, upside_down: bool = False) -> Label:
    """The label number `seed`: the same number gives the same label. About 260×48 pixels."""
    rng = np.random.default_rng(seed)
    text = _text(rng)
    font = ImageFont.truetype(_FONTS[int(rng.integers(len(_FONTS)))], int(rng.integers(26, 32)))
    left, top, right, bottom = font.getbbox(text)
    ink, paper = int(rng.integers(0, 60)), int(rng.integers(205, 250))
    image = Image.new("RGB", (int(right - left) + 24, int(bottom - top) + 18), (paper, paper, paper))
    ImageDraw.Draw(image).text((12 - left, 9 - top), text, fill=(ink, ink, ink), font=font)
    tilted = image.rotate(float(rng.uniform(-1.5, 1.5)), Image.Resampling.BICUBIC, fillcolor=(paper, paper, paper))
    worn = _worn(tilted, rng)
    return Label(worn.rotate(180) if upside_down else worn, text, upside_down)


def photographs() -> list[Image.Image]:
    """Real photographs and scans with text on them, as scikit-image ships them."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return [Image.open(folder / name).convert("RGB") for name in ("page.png", "text.png")]
