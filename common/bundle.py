"""Bundles: one file with a cut model's head, tail and whole, and the manifest that describes them.

A bundle is a zip of stored entries, so that its bytes depend on nothing but its content and unpacking cannot
inflate. Its digest is the SHA-256 of the file; every part's digest stands in the manifest and is checked each time
the part is read. common knows no ONNX: parts are bytes.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from common.bundle_manifest import CANARY, FILES, MANIFEST, PARTS, BundleError, Manifest
from common.bundle_manifest import parse as parse_manifest
from common.canary import Sample, unpack
from common.codec import CodecParams, Level

__all__ = ["Bundle", "BundleError", "BundleLimits", "Manifest", "looks_like_bundle", "write"]

_CHUNK = 1 << 20
_MAGIC = b"PK\x03\x04"  # a zip with at least one entry
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can tell: no bundle depends on when it was made
_DAMAGE = (
    zipfile.BadZipFile, EOFError, struct.error, NotImplementedError, RuntimeError,
    UnicodeDecodeError, ValueError, OverflowError, KeyError,
)  # fmt: skip


def looks_like_bundle(path: Path) -> bool:
    """Whether the file begins as a bundle does; what it really is, `Bundle.open` tells. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@dataclass(frozen=True, slots=True)
class BundleLimits:
    """What a reader accepts, bytes: of the file, of its manifest and of its canary."""

    max_bytes: int = 4 << 30
    max_canary_bytes: int = 16 << 20
    max_manifest_bytes: int = 16 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened and verified bundle. `digest`: "sha256:" and 64 hex digits, of the whole file."""

    manifest: Manifest
    digest: str
    source: Path | bytes

    @classmethod
    def open(cls, source: Path | str | bytes, limits: BundleLimits | None = None) -> Bundle:
        """Reads and verifies structure, manifest and every digest; holds no part in memory. Raises BundleError."""
        source = Path(source) if isinstance(source, str) else source
        limits = limits or BundleLimits()
        digest = _file_digest(source, limits)
        with _zip(source) as archive:
            _check_entries(archive)
            manifest = parse_manifest(_entry(archive, MANIFEST, limits.max_manifest_bytes))
            _check_canary(archive, manifest, limits)
        bundle = cls(manifest, digest, source)
        for name in manifest.files:
            bundle._stream(name, lambda _chunk: None)
        return bundle

    def head_bytes(self) -> bytes:
        """The head as an ONNX file. Raises BundleError if it changed since."""
        return self._part("head")

    def tail_bytes(self) -> bytes:
        """The tail as an ONNX file. Raises BundleError if it changed since."""
        return self._part("tail")

    def model_bytes(self) -> bytes:
        """The whole model as an ONNX file. Raises BundleError if it changed since."""
        return self._part("model")

    def canary(self) -> tuple[Sample, ...]:
        """Samples to try it on; none in older bundles. Raises BundleError if they cannot be read."""
        canary = self.manifest.canary
        return unpack(self._part(CANARY), canary.samples) if canary else ()

    @property
    def cut_id(self) -> str:
        """What names the cut, such as "17:relu_3.tmp_0", or both cuts where a layer replaces what lies between."""
        return self.manifest.cut_id

    @property
    def cut_shape(self) -> tuple[int | None, ...]:
        """The activation's sizes, elements; None where they are open. Fits `codec.Limits.expected_shape`."""
        return tuple(size if isinstance(size, int) else None for size in self.manifest.cut.shape)

    def codec_params(self, level: Level) -> CodecParams | None:
        """The calibrated clip ranges for that level, or None: measure them on each activation."""
        return self.manifest.clips.get(level.bits)

    def _part(self, name: str) -> bytes:
        chunks: list[bytes] = []
        self._stream(name, chunks.append)
        return b"".join(chunks)

    def _stream(self, name: str, take: Callable[[bytes], None]) -> None:
        """Gives the part to `take` in pieces, then raises BundleError unless size and digest are right."""
        part = self.manifest.files[name]
        found = hashlib.sha256()
        with _zip(self.source) as archive:
            if archive.getinfo(part.file).file_size != part.size:
                raise BundleError(f"{part.file} is not as large as the manifest says")
            with archive.open(part.file) as file:
                for chunk in _chunks(file, part.file):
                    found.update(chunk)
                    take(chunk)
        if f"sha256:{found.hexdigest()}" != part.digest:
            raise BundleError(f"{part.file} does not have the digest that the manifest says: fetch the bundle again")


def write(manifest: Manifest, parts: dict[str, bytes]) -> bytes:
    """The bundle as bytes, the same for the same content; `parts`: head, tail, model, canary. Raises BundleError."""
    buffer = io.BytesIO()
    entries = {MANIFEST: manifest.to_json(), **{part.file: parts[name] for name, part in manifest.files.items()}}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, wherever it is written
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def _chunks(file: IO[bytes], name: str) -> Iterator[bytes]:
    try:
        while chunk := file.read(_CHUNK):
            yield chunk
    except zipfile.BadZipFile as error:  # zip's own checksum does not fit
        raise BundleError(f"{name} is damaged: fetch the bundle again") from error


def _file_digest(source: Path | bytes, limits: BundleLimits) -> str:
    found = hashlib.sha256()
    size = 0
    with _opened(source) as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > limits.max_bytes:
                raise BundleError(f"the bundle is larger than {limits.max_bytes} bytes")
            found.update(chunk)
    return f"sha256:{found.hexdigest()}"


@contextmanager
def _opened(source: Path | bytes) -> Iterator[IO[bytes]]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise BundleError(f"{source}: {error.strerror or error}") from error
    with file:
        try:
            yield file
        except OSError as error:
            raise BundleError(f"{source}: {error.strerror or error}") from error


@contextmanager
def _zip(source: Path | bytes) -> Iterator[zipfile.ZipFile]:
    with _opened(source) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except BundleError:
            raise
        except _DAMAGE as error:
            raise BundleError("the file is no bundle, or is damaged: write it again with sliceplane-slicer") from error


def _check_entries(archive: zipfile.ZipFile) -> None:
    """Only what a bundle holds, stored as it is, nothing twice."""
    wanted = {MANIFEST, *(FILES[name] for name in PARTS)}
    names = [info.filename for info in archive.infolist()]
    if len(names) != len(set(names)) or set(names) - {FILES[CANARY]} != wanted:
        raise BundleError(f"a bundle holds {', '.join(sorted(wanted))}, this file does not, or more")
    for info in archive.infolist():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
            raise BundleError(f"{info.filename} is compressed or encrypted; entries of a bundle are stored as they are")


def _check_canary(archive: zipfile.ZipFile, manifest: Manifest, limits: BundleLimits) -> None:
    """It is there if the manifest has it, and only then."""
    if (FILES[CANARY] in archive.namelist()) != (manifest.canary is not None):
        raise BundleError(f"{FILES[CANARY]} and the manifest do not agree on whether there is a canary")
    if manifest.canary and manifest.canary.part.size > limits.max_canary_bytes:
        raise BundleError(f"{FILES[CANARY]} is larger than {limits.max_canary_bytes} bytes")


def _entry(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    if archive.getinfo(name).file_size > most:
        raise BundleError(f"{name} is larger than {most} bytes")
    return archive.read(name)
