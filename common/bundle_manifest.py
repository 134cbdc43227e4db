"""The manifest of a bundle: what its parts are, how they fit together, and what the codec may do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from common.codec import ALL_LEVELS, CodecError, CodecParams
from common.names import is_digest

FORMAT = "sliceplane-bundle/1"
MANIFEST = "manifest.json"
PARTS = ("head", "tail", "model")
CANARY = "canary"
FILES = {**{name: f"{name}.onnx" for name in PARTS}, CANARY: "canary.bin"}
"""Where each part lies in the bundle."""
_MOST_RANK = 8
_GROUPS = ("inputs", "outputs", "joined")


class BundleError(Exception):
    """A bundle cannot be used; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input, an output or the cut: name, element type as numpy names it, sizes; an open size is its name or ""."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle: its name there, its size in bytes, its "sha256:..."."""

    file: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Rate:
    """What a level costs and gives on held-out data: mean bytes a sample, and how well by `metric`, from 0 to 1."""

    level: str
    bytes: float
    accuracy: float
    metric: str


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """What one sample of the canary holds, in this order: inputs, outputs of the whole model, of head and tail."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    joined: tuple[Tensor, ...]

    @property
    def groups(self) -> tuple[tuple[Tensor, ...], ...]:
        """All of it, in the order in which it lies in the bundle."""
        return self.inputs, self.outputs, self.joined


@dataclass(frozen=True, slots=True)
class Canary:
    """Samples to try the bundle on, `common.canary` reads them."""

    part: Part
    samples: tuple[SampleLayout, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is known without reading ONNX.

    `cut_id`: names the cut; `cut`: the tensor as the head gives it, `tail_input`: its name in the tail, which may
    differ. `levels`: names of the codec's that may be used, `default_level` one of them. `clips`: calibrated clip
    ranges by bits per element, where there are any. `transfer_layer`: the family of the layer between head
    and tail, "" for none; `rates`: what its levels were measured to give, where they were; `canary`: None in older
    bundles, and where nothing can be compared.
    """

    model: str
    cut_id: str
    cut: Tensor
    tail_input: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parts: Mapping[str, Part]
    levels: tuple[str, ...]
    default_level: str
    clips: Mapping[int, CodecParams] = field(default_factory=dict)
    transfer_layer: str = ""
    rates: tuple[Rate, ...] = ()
    canary: Canary | None = None

    @property
    def files(self) -> dict[str, Part]:
        """Every part, by name: PARTS, and CANARY if there is one."""
        return {**self.parts, **({CANARY: self.canary.part} if self.canary else {})}

    def to_json(self) -> bytes:
        """The manifest as it stands in a bundle: the same bytes for the same content."""
        return json.dumps(_document(self), indent=1, sort_keys=True).encode() + b"\n"


def parse(content: bytes) -> Manifest:
    """The manifest in `content`. Raises BundleError, which names the field that is wrong."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{MANIFEST} is no JSON") from error
    top = _Reader(document, "manifest")
    form = top.text("format")
    if form != FORMAT:
        raise BundleError(f'the bundle is of format "{form[:60]}", this release reads "{FORMAT}"')
    return _manifest(top)


def _manifest(top: _Reader) -> Manifest:
    cut, codec = top.sub("cut"), top.sub("codec")
    manifest = Manifest(
        model=top.text("model"),
        cut_id=cut.text("id"),
        cut=_tensor(cut),
        tail_input=cut.text("tail_input"),
        inputs=tuple(map(_tensor, top.subs("inputs"))),
        outputs=tuple(map(_tensor, top.subs("outputs"))),
        parts={name: _part(top.sub("parts").sub(name), name) for name in PARTS},
        levels=tuple(codec.texts("levels")),
        default_level=codec.text("default_level"),
        clips=_clips(codec),
        transfer_layer=top.text("transfer_layer") if "transfer_layer" in top.document else "",
        rates=tuple(map(_rate, top.subs("rates"))) if "rates" in top.document else (),
        canary=_canary(top.sub(CANARY)) if CANARY in top.document else None,
    )
    _agree(manifest)
    return manifest


def _agree(manifest: Manifest) -> None:
    known = [level for level in manifest.levels if level in ALL_LEVELS]
    if manifest.default_level not in known:
        raise BundleError(f'manifest.codec.default_level: "{manifest.default_level[:60]}" is no level known here')
    if manifest.cut.dtype != "float32":
        raise BundleError(f'manifest.cut.dtype: "{manifest.cut.dtype[:60]}" cannot be carried, float32 can')
    if not manifest.inputs or not manifest.outputs:
        raise BundleError("manifest: a model has at least one input and one output")


def _tensor(reader: _Reader) -> Tensor:
    shape = reader.value("shape", list)
    if len(shape) > _MOST_RANK:
        raise BundleError(f"{reader.path}.shape: at most {_MOST_RANK} axes")
    for size in shape:
        if isinstance(size, bool) or not isinstance(size, int | str) or (isinstance(size, int) and size < 0):
            raise BundleError(f"{reader.path}.shape: a size is a number from 0, or a name where it is open")
    return Tensor(reader.text("name"), reader.text("dtype"), tuple(shape))


def _rate(reader: _Reader) -> Rate:
    numbers = {}
    for name in ("bytes", "accuracy"):
        number = reader.document.get(name)
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < float("inf"):
            raise BundleError(f"{reader.path}.{name}: a number from 0 is due")
        numbers[name] = float(number)
    return Rate(reader.text("level"), metric=reader.text("metric"), **numbers)


def _part(reader: _Reader, name: str) -> Part:
    part = Part(reader.text("file"), reader.value("size", int), reader.text("digest"))
    if part.file != FILES[name] or not is_digest(part.digest) or part.size < 0:
        raise BundleError(f'{reader.path}: a part has its file "{FILES[name]}", a size, and a digest "sha256:..."')
    return part


def _canary(reader: _Reader) -> Canary:
    return Canary(_part(reader, CANARY), tuple(map(_sample, reader.subs("samples"))))


def _sample(reader: _Reader) -> SampleLayout:
    return SampleLayout(*(tuple(map(_tensor, reader.subs(group))) for group in _GROUPS))


def _clips(codec: _Reader) -> dict[int, CodecParams]:
    found: dict[int, CodecParams] = {}
    for reader in codec.subs("clips"):
        axis = reader.document.get("axis")
        if axis is not None and (isinstance(axis, bool) or not isinstance(axis, int) or not 0 <= axis < _MOST_RANK):
            raise BundleError(f"{reader.path}.axis: null, or an axis from 0 to {_MOST_RANK - 1}")
        try:
            with np.errstate(over="ignore"):
                ends = [np.asarray(reader.value(end, list), np.float32) for end in ("lo", "hi")]
            found[reader.value("bits", int)] = CodecParams(axis, *ends)
        except (TypeError, ValueError, OverflowError, CodecError) as error:
            raise BundleError(f"{reader.path}: {error}") from error
    return found


def _document(manifest: Manifest) -> dict[str, Any]:
    """Fields that came later are left out where they are empty, so that older bundles keep their digests."""
    layer = {"transfer_layer": manifest.transfer_layer} if manifest.transfer_layer else {}
    rates = {"rates": [asdict(rate) for rate in manifest.rates]} if manifest.rates else {}
    canary = {CANARY: _canary_document(manifest.canary)} if manifest.canary else {}
    return {
        **layer,
        **rates,
        **canary,
        "format": FORMAT,
        "model": manifest.model,
        "cut": {"id": manifest.cut_id, "tail_input": manifest.tail_input, **_tensor_document(manifest.cut)},
        "inputs": [_tensor_document(tensor) for tensor in manifest.inputs],
        "outputs": [_tensor_document(tensor) for tensor in manifest.outputs],
        "parts": {n: {"file": p.file, "size": p.size, "digest": p.digest} for n, p in manifest.parts.items()},
        "codec": {
            "levels": list(manifest.levels),
            "default_level": manifest.default_level,
            "clips": [
                {"bits": bits, "axis": clip.axis, "lo": clip.lo.tolist(), "hi": clip.hi.tolist()}
                for bits, clip in sorted(manifest.clips.items())
            ],
        },
    }


def _canary_document(canary: Canary) -> dict[str, Any]:
    samples = [{g: [_tensor_document(one) for one in getattr(it, g)] for g in _GROUPS} for it in canary.samples]
    return {**asdict(canary.part), "samples": samples}


def _tensor_document(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}


class _Reader:
    """A JSON object whose fields are taken by type; a wrong one is named by its path."""

    def __init__(self, document: Any, path: str) -> None:
        if not isinstance(document, dict):
            raise BundleError(f"{path}: an object is due")
        self.document: dict[str, Any] = document
        self.path = path

    def value(self, name: str, kind: type[Any]) -> Any:
        value = self.document.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise BundleError(f"{self.path}.{name}: {_KINDS[kind]} is due")
        return value

    def text(self, name: str) -> str:
        return str(self.value(name, str))

    def texts(self, name: str) -> list[str]:
        found: list[Any] = self.value(name, list)
        if not all(isinstance(one, str) for one in found):
            raise BundleError(f"{self.path}.{name}: a list of texts is due")
        return found

    def sub(self, name: str) -> _Reader:
        return _Reader(self.document.get(name), f"{self.path}.{name}")

    def subs(self, name: str) -> list[_Reader]:
        return [_Reader(one, f"{self.path}.{name}[{i}]") for i, one in enumerate(self.value(name, list))]


_KINDS = {str: "a text", int: "a number", list: "a list"}
