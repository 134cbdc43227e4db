"""The image itself goes up: raw bytes, JPEG and WebP at several qualities; the whole model runs behind."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from bench.tl.task import Bytes, Point, Task
from slicer.run import Session

QUALITIES = (5, 15, 30, 50, 70, 95)


def points(task: Task) -> Iterator[Point]:
    """Raw first, then each codec and quality."""
    session = Session(task.whole)
    yield Point("raw uint8", "", float(task.test_images[0].nbytes), accuracy(session, task, task.test_images))
    for kind in ("JPEG", "WEBP"):
        for quality in QUALITIES:
            sizes, images = _coded(task.test_images, kind, quality)
            name = {"JPEG": "JPEG", "WEBP": "WebP"}[kind]
            yield Point(name, str(quality), sizes, accuracy(session, task, images))


def accuracy(session: Session, task: Task, images: Bytes) -> float:
    """Share of the images whose best class is the label."""
    right = 0
    for start in range(0, len(images), task.at_once):
        rows = slice(start, start + task.at_once)
        answer = next(iter(session({"x": task.given(images[rows])}).values()))
        right += int((answer.argmax(axis=1) == task.test_labels[rows]).sum())
    return right / len(images)


def _coded(images: Bytes, kind: str, quality: int) -> tuple[float, Bytes]:
    """Mean bytes, and the images as they come out."""
    total, back = 0, []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, kind, quality=quality, optimize=True)
        total += buffer.tell()
        back.append(np.asarray(Image.open(buffer).convert("L")))
    return total / len(images), np.stack(back)
