"""Workload documents: both forms, and each error under the path of its field."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.allocator import Service, services_from_documents

SHORT = {"name": "a", "model": "net", "rate": 10, "slo_ms": 50}
FULL = {
    "apiVersion": "sliceplane.workload.v1",
    "kind": "Workload",
    "metadata": {"name": "a", "labels": {"team": "line-4"}},
    "spec": {"model": "net", "rate": 10.5, "slo_ms": 50, "serve": "tail", "max_processes": 2},
}
DIGEST = "sha256:" + "0" * 64


def _errors(*documents: object) -> list[str]:
    services, errors = services_from_documents(documents)
    assert len(services) < len(documents)
    return [str(error) for error in errors]


def _full(**spec: object) -> dict[str, Any]:
    return {**FULL, "spec": {**FULL["spec"], **spec}}  # type: ignore[dict-item]


def test_the_short_form() -> None:
    """Name, model, rate and SLO are enough; a profile's name stands in for the model's to plan with."""
    documents = [SHORT, {**SHORT, "name": "b", "profile": "other", "max_processes": 3, "max_batch": 8}]
    assert services_from_documents(documents) == (
        [Service("a", "net", 10, 50), Service("b", "other", 10, 50, max_processes=3, max_batch=8)],
        [],
    )


def test_the_full_form() -> None:
    """What `apply -f` takes; a pinned digest becomes the revision, 0 processes means no limit of its own."""
    documents = [FULL, {**_full(model_digest=DIGEST, max_processes=0), "metadata": {"name": "b"}}]
    assert services_from_documents(documents) == (
        [Service("a", "net", 10.5, 50, max_processes=2), Service("b", "net", 10.5, 50, revision=DIGEST)],
        [],
    )


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("slo_ms", -5, "must be a finite number of ms above 0, got -5"),
        ("slo_ms", 0, "must be a finite number of ms above 0, got 0"),
        ("rate", -1, "must be a finite number of items/s above 0, got -1"),
        ("rate", math.nan, "must be a finite number of items/s above 0, got nan"),
        ("rate", math.inf, "must be a finite number of items/s above 0, got inf"),
        ("rate", 10**400, "must be a finite number of items/s, got one past all bounds"),
        ("rate", "10", "must be a number of items/s, got the text '10'"),
        ("rate", True, "must be a number of items/s, got the truth value True"),
        ("rate", None, "must be a number of items/s, got nothing None"),
        ("model", "", "must be a text that is not empty, got ''"),
        ("model", 3, "must be a text that is not empty, got 3"),
        ("max_processes", -1, "must be a whole number from 1 to 48 (0: no limit of its own), got -1"),
        ("max_processes", 1.5, "must be a whole number from 1 to 48 (0: no limit of its own), got 1.5"),
        ("max_batch", True, "must be a whole number from 1 to 65536 (0: no limit of its own), got True"),
        ("serve", "half", "must be whole or tail, got 'half'"),
        ("model_digest", "abc", "must be sha256: and 64 hex digits, got 'abc'"),
    ],
)
def test_a_bad_value_is_named_by_its_path(field: str, value: object, expected: str) -> None:
    """In the short form under the document, in the full form under its spec."""
    assert _errors({**SHORT, field: value}) == [f"workloads[0].{field}: {expected}"]
    assert _errors(_full(**{field: value})) == [f"workloads[0].spec.{field}: {expected}"]


@pytest.mark.parametrize("field", ["name", "model", "rate", "slo_ms"])
def test_a_missing_field_is_named(field: str) -> None:
    """Each of the four is needed."""
    document = {key: value for key, value in SHORT.items() if key != field}
    assert _errors(document) == [f"workloads[0].{field}: is missing"]


def test_unknown_fields_are_refused_with_the_nearest_known() -> None:
    """A misspelt field is never passed over in silence."""
    assert _errors({**SHORT, "slo": 5}) == ["workloads[0].slo: unknown field; did you mean slo_ms?"]
    (error,) = _errors(_full(copies=3))
    assert error.startswith("workloads[0].spec.copies: unknown field; known are model, rate, slo_ms")
    assert _errors({**FULL, "status": {}})[0].startswith("workloads[0].status: unknown field")
    bad_metadata = {**FULL, "metadata": {"name": "a", "label": {}}}
    assert _errors(bad_metadata) == ["workloads[0].metadata.label: unknown field; did you mean labels?"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"kind": "Model"}, "workloads[0].kind: must be Workload, got 'Model'"),
        ({"apiVersion": "v1"}, "workloads[0].apiVersion: must be sliceplane.workload.v1, got 'v1'"),
        ({"metadata": None}, "workloads[0].metadata: must be a mapping, got nothing"),
        ({"metadata": {}}, "workloads[0].metadata.name: is missing"),
        ({"spec": []}, "workloads[0].spec: must be a mapping, got a list"),
        (
            {"metadata": {"name": "Not_A_Label"}},
            "workloads[0].metadata.name: must be 1 to 63 lower-case letters, digits and inner hyphens, "
            "got 'Not_A_Label'",
        ),
        (
            {"metadata": {"name": "a", "labels": {"x": 1}}},
            "workloads[0].metadata.labels: must map texts to texts, got 'x': 1; quote it",
        ),
    ],
)
def test_a_bad_envelope_is_named(change: dict[str, object], expected: str) -> None:
    """Around the spec of a full document."""
    assert _errors({**FULL, **change}) == [expected]


def test_fields_of_spread_and_memory_are_read_and_checked() -> None:
    """Priority, hosts, memory and exclusiveness; each bad one is named with what would be right."""
    said = {"priority": 7, "replicas": {"minHosts": 2}, "memory_mb": 1500, "exclusive": True}
    (service,), errors = services_from_documents([{**SHORT, **said}])
    assert (service.priority, service.min_hosts, service.memory_mb, service.exclusive) == (7, 2, 1500.0, True)
    assert errors == []
    (plain,), _ = services_from_documents([{**SHORT, "replicas": {}, "memory_mb": 0}])
    assert plain == services_from_documents([SHORT])[0][0]
    bad = {"replicas": {"min_hosts": -1}, "memory_mb": -2, "exclusive": "yes"}
    paths = [error.split(":")[0] for error in _errors({**SHORT, **bad})]
    assert paths == ["workloads[0].replicas.min_hosts", "workloads[0].memory_mb", "workloads[0].exclusive"]


def test_an_empty_spec_misses_each_field() -> None:
    """Each needed field is said to be missing."""
    missing = [f"workloads[0].spec.{field}: is missing" for field in ("model", "rate", "slo_ms")]
    assert _errors({**FULL, "spec": {}}) == missing


def test_a_name_given_twice_points_at_the_first() -> None:
    """The second document is refused; the first stands."""
    services, errors = services_from_documents([SHORT, FULL], root="items")
    assert [service.name for service in services] == ["a"]
    assert [str(error) for error in errors] == ["items[1].metadata.name: 'a' is already used by items[0]"]


@pytest.mark.parametrize(("document", "kind"), [(None, "nothing"), ([], "a list"), ("net", "the text"), (7, "int")])
def test_a_document_that_is_no_mapping_is_refused(document: object, kind: str) -> None:
    """It says what it found."""
    (error,) = _errors(document)
    assert error == f"workloads[0]: must be a mapping with name, model, rate and slo_ms, got {kind}"


def test_all_errors_are_told_at_once() -> None:
    """Good documents are returned beside the errors of the bad ones."""
    services, errors = services_from_documents([{**SHORT, "rate": -1, "slo_ms": "x"}, {**SHORT, "name": "b"}])
    assert [service.name for service in services] == ["b"]
    assert [error.path for error in errors] == ["workloads[0].rate", "workloads[0].slo_ms"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from([*SHORT, *FULL, "serve", "max_batch", "labels", "x"])


@given(st.lists(st.dictionaries(keys | st.integers(), values, max_size=8) | values, max_size=4))
def test_any_documents_give_services_or_errors(documents: list[object]) -> None:
    """Nothing raises; each document gives a service or at least one error."""
    services, errors = services_from_documents(documents)
    bad = {error.path.split("]")[0] for error in errors}
    assert len(services) + len(bad) == len(documents)
