"""Reads workload documents, in full form or as a list of `{name, model, slo_ms, rate}`; notes every fault."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import yaml

from common.names import is_digest, name_violation
from sliceplane.documents.nodes import Problem, Reader, is_null, items, joined
from sliceplane.types import Workload, WorkloadSpec

API_VERSION = "sliceplane.workload.v1"
KIND = "Workload"
SERVES = ("whole", "tail")
HIGHEST_PRIORITY = 1000
MOST_HOSTS = 1000
MOST_PROCESSES = 48  # MPS admits so many clients to a GPU

FULL = ("apiVersion", "kind", "metadata", "spec", "status")
# What the server writes into metadata is read back without complaint and ignored.
METADATA_OUTPUT = ("uid", "generation", "created", "updated")
METADATA = ("name", "labels", "etag", *METADATA_OUTPUT)
SPEC = (
    *("model", "model_digest", "rate", "slo_ms", "serve", "max_processes", "profile"),
    *("priority", "replicas", "memory_mb", "exclusive"),
)
REPLICAS = ("min_hosts", "minHosts")
SIMPLE = ("name", "labels", *SPEC)
NEEDED = ("model", "rate", "slo_ms")

Fields = Mapping[str, tuple[yaml.Node, yaml.Node]]


@dataclass(frozen=True, slots=True)
class Document:
    """A workload and where it was written; `places` maps field paths ("spec.rate") to lines from 1."""

    workload: Workload
    file: str
    line: int
    places: Mapping[str, int] = field(default_factory=dict)

    def place(self, path: str = "") -> str:
        """ "file:line" of a field, or of the document where the field is not written."""
        return f"{self.file}:{self.places.get(path, self.line)}"


def read(texts: Iterable[tuple[str, str]], *, any_names: bool = False) -> tuple[list[Document], list[Problem]]:
    """The workloads of (file name, text) pairs in order, and all that is wrong with them.

    A file without workloads and a workload that is given twice are problems too. With `any_names` names
    need not be fit to be dialled: offline plans are made for whatever a profile file calls its model.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for file, text in texts:
        reader = Reader(file, any_names=any_names)
        found = _of_file(reader, text)
        if not found and not reader.problems:
            reader.problems.append(Problem(file, 0, 0, "", "holds no workload"))
        documents += found
        problems += reader.problems
    return documents, problems + _repeated(documents)


def _of_file(reader: Reader, text: str) -> list[Document]:
    try:
        return [one for node in reader.documents(text) for one in _documents(reader, node)]
    except RecursionError:
        reader.problems.append(Problem(reader.file, 0, 0, "", "is nested too deeply to be read"))
        return []


def _repeated(documents: Iterable[Document]) -> list[Problem]:
    first: dict[str, Document] = {}
    problems = []
    for document in documents:
        name = document.workload.name
        if name in first:
            what = f'workload "{name}" is given twice, first at {first[name].place()}: keep one'
            problems.append(Problem(document.file, document.line, 1, "name", what))
        first.setdefault(name, document)
    return problems


def _documents(reader: Reader, node: yaml.Node) -> list[Document]:
    if isinstance(node, yaml.SequenceNode):
        return [one for item in items(node) for one in _documents(reader, item)]
    fields = reader.mapping(node, "")
    if fields is None:
        return []
    if "workloads" in fields:
        return _listed(reader, fields)
    found = _full(reader, node, fields) if fields.keys() & set(FULL) else _simple(reader, node, fields, "")
    return [found] if found else []


def _listed(reader: Reader, fields: Fields) -> list[Document]:
    _known(reader, fields, ("workloads",), "")
    node = fields["workloads"][1]
    if not isinstance(node, yaml.SequenceNode):
        reader.refuse(node, "workloads", "must be a list of workloads")
        return []
    return [one for item in items(node) for one in _documents(reader, item)]


def _full(reader: Reader, node: yaml.Node, fields: Fields) -> Document | None:
    before = len(reader.problems)
    _known(reader, fields, FULL, "")
    for key, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        _constant(reader, node, fields, key, wanted)
    parts: dict[str, Fields] = {}
    for key in ("metadata", "spec"):
        if key not in fields:
            reader.refuse(node, key, "is missing")
        else:
            parts[key] = reader.mapping(fields[key][1], key) or {}
    if len(reader.problems) > before:
        return None
    _known(reader, parts["metadata"], METADATA, "metadata")
    _known(reader, parts["spec"], SPEC, "spec")
    return _workload(reader, node, parts["metadata"], parts["spec"], ("metadata", "spec"))


def _simple(reader: Reader, node: yaml.Node, fields: Fields, path: str) -> Document | None:
    _known(reader, fields, SIMPLE, path)
    return _workload(reader, node, fields, fields, (path, path))


def _workload(
    reader: Reader, node: yaml.Node, metadata: Fields, spec: Fields, paths: tuple[str, str]
) -> Document | None:
    """The workload of its fields; `paths` are those of metadata and spec as they are written."""
    before = len(reader.problems)
    meta_path, spec_path = paths
    where = f"{spec_path}." if spec_path else ""
    for key, given, path in (("name", metadata, meta_path), *((key, spec, spec_path) for key in NEEDED)):
        if key not in given:
            reader.refuse(node, joined(path, key), "is missing")
    values = _Values(reader, spec, where)
    workload = Workload(
        name=_name(reader, metadata, "name", joined(meta_path, "name")),
        labels=_labels(reader, metadata, joined(meta_path, "labels")),
        etag=_Values(reader, metadata, f"{meta_path}." if meta_path else "").text("etag"),
        spec=WorkloadSpec(
            model=_name(reader, spec, "model", f"{where}model"),
            rate=values.positive("rate", "requests per second"),
            slo_ms=values.positive("slo_ms", "milliseconds"),
            model_digest=values.digest("model_digest"),
            serve=values.choice("serve", SERVES),
            max_processes=values.count("max_processes", MOST_PROCESSES),
            profile=_name(reader, spec, "profile", f"{where}profile"),
            priority=values.count("priority", HIGHEST_PRIORITY),
            min_hosts=_min_hosts(reader, spec, f"{where}replicas"),
            memory_mb=values.amount("memory_mb", "MB"),
            exclusive=values.truth("exclusive"),
        ),
    )
    if len(reader.problems) > before:
        return None
    return Document(workload, reader.file, node.start_mark.line + 1, _places(metadata, spec))


def _places(metadata: Fields, spec: Fields) -> dict[str, int]:
    """Lines by the paths that the server names."""
    places = {key: node.start_mark.line + 1 for key, (node, _) in metadata.items() if key in METADATA}
    return places | {f"spec.{key}": node.start_mark.line + 1 for key, (node, _) in spec.items() if key in SPEC}


@dataclass(frozen=True, slots=True)
class _Values:
    """Typed values of a mapping; what is absent or null is the field's zero."""

    reader: Reader
    fields: Fields
    where: str

    def _node(self, key: str) -> yaml.Node | None:
        node = self.fields[key][1] if key in self.fields else None
        return None if node is None or is_null(node) else node

    def text(self, key: str) -> str:
        node = self._node(key)
        return (self.reader.text(node, self.where + key) or "") if node else ""

    def positive(self, key: str, unit: str) -> float:
        if key not in self.fields:
            return 0.0  # noted as missing
        node = self.fields[key][1]
        value = self.reader.number(node, self.where + key)
        if value is not None and value <= 0:
            self.reader.refuse(node, self.where + key, f"must be above 0 {unit}, got {value:g}")
        return value or 0.0

    def amount(self, key: str, unit: str) -> float:
        node = self._node(key)
        value = self.reader.number(node, self.where + key) if node else 0.0
        if node and value is not None and value < 0:
            self.reader.refuse(node, self.where + key, f"must be 0 {unit} or above, got {value:g}")
        return value or 0.0

    def count(self, key: str, most: int) -> int:
        node = self._node(key)
        value = self.reader.number(node, self.where + key) if node else 0.0
        if node and value is not None and not (value.is_integer() and 0 <= value <= most):
            self.reader.refuse(node, self.where + key, f"must be a whole number from 0 to {most}, got {value:g}")
            return 0
        return int(value or 0)

    def truth(self, key: str) -> bool:
        node = self._node(key)
        return bool(node and self.reader.truth(node, self.where + key))

    def digest(self, key: str) -> str:
        node, value = self._node(key), self.text(key)
        if node and value and not is_digest(value):
            self.reader.refuse(node, self.where + key, 'must be "sha256:" and 64 lower-case hex digits')
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        node, value = self._node(key), self.text(key)
        if node and value not in allowed:
            self.reader.refuse(node, self.where + key, f'must be one of {", ".join(allowed)}, got "{value}"')
        return value if node else allowed[0]


def _name(reader: Reader, fields: Fields, key: str, path: str) -> str:
    node = fields[key][1] if key in fields else None
    if node is None or (is_null(node) and key == "profile"):
        return ""
    value = reader.text(node, path)
    violation = name_violation(path, value) if value and not reader.any_names else None
    if value == "" and key != "profile":
        reader.refuse(node, path, "must not be empty")
    elif violation:
        reader.refuse(node, path, violation.description)
    return value or ""


def _min_hosts(reader: Reader, spec: Fields, path: str) -> int:
    """`replicas.min_hosts`, also spelled `minHosts`; 0 where it is not said."""
    node = spec["replicas"][1] if "replicas" in spec else None
    fields = (reader.mapping(node, path) or {}) if node is not None and not is_null(node) else {}
    _known(reader, fields, REPLICAS, path)
    if len(fields.keys() & set(REPLICAS)) == len(REPLICAS):
        reader.refuse(fields["minHosts"][0], f"{path}.minHosts", "min_hosts is there too: leave one out")
    key = "minHosts" if "minHosts" in fields else "min_hosts"
    return _Values(reader, fields, f"{path}.").count(key, MOST_HOSTS)


def _labels(reader: Reader, fields: Fields, path: str) -> dict[str, str]:
    if "labels" not in fields or is_null(fields["labels"][1]):
        return {}
    given = reader.mapping(fields["labels"][1], path) or {}
    values = {key: reader.text(node, joined(path, key)) for key, (_, node) in given.items()}
    return {key: value for key, value in sorted(values.items()) if value is not None}


def _constant(reader: Reader, node: yaml.Node, fields: Fields, key: str, wanted: str) -> None:
    if key not in fields:
        reader.refuse(node, key, f"is missing: say {key}: {wanted}")
        return
    value = reader.text(fields[key][1], key)
    if value is not None and value != wanted:
        hint = "; models go by `sliceplane model push`, profiles by `sliceplane profiles import`"
        reader.refuse(fields[key][1], key, f'must be {wanted}, got "{value}"' + (hint if key == "kind" else ""))


def _known(reader: Reader, fields: Fields, allowed: tuple[str, ...], path: str) -> None:
    for key, (node, _) in fields.items():
        if key not in allowed:
            close = difflib.get_close_matches(key, allowed, n=1)
            hint = f"did you mean {close[0]}?" if close else f"fields are {', '.join(allowed)}"
            reader.refuse(node, joined(path, key), f"no such field: {hint}")
