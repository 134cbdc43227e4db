"""Documents: read, written, and refused with the place of each fault."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sliceplane.documents import read, workload_document
from sliceplane.types import Workload
from tests.strategies_sliceplane import WORKLOADS

FULL = """\
apiVersion: sliceplane.workload.v1
kind: Workload
metadata:
  name: ocr
spec:
  model: m
  rate: 10
  slo_ms: 50
"""


def faults(text: str) -> list[str]:
    return [str(problem) for problem in read([("f.yaml", text)])[1]]


@given(WORKLOADS)
def test_what_is_written_is_read_back(workload: Workload) -> None:
    """A workload survives YAML and JSON, its output-only fields left out."""
    document = workload_document(workload)
    for text in (yaml.safe_dump(document, sort_keys=False, allow_unicode=True), json.dumps(document)):
        found, problems = read([("f", text)])
        assert problems == []
        back = found[0].workload
        assert (back.name, back.spec, back.etag) == (workload.name, workload.spec, workload.etag)
        assert dict(back.labels) == dict(workload.labels)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the file holds, reading it ends with workloads or with problems of one line each."""
    found, problems = read([("f", text)])
    assert found or problems
    assert all(len(str(problem).splitlines()) == 1 for problem in problems)


FIELDS = st.sampled_from(
    ["apiVersion", "kind", "metadata", "spec", "name", "model", "rate", "workloads", "labels", "x"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=12,
)


@given(ANYTHING)
def test_any_yaml_is_read_or_refused(value: object) -> None:
    """Fields of any wrong type are problems, never an exception."""
    found, problems = read([("f", yaml.safe_dump(value))])
    assert found or problems


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("rate: 10", "rate: -10"), "f.yaml:7:9: spec.rate: must be above 0 requests per second, got -10"),
        (("rate: 10", "rate: 0"), "f.yaml:7:9: spec.rate: must be above 0 requests per second, got 0"),
        (("rate: 10", "rate: fast"), 'f.yaml:7:9: spec.rate: must be a finite number, got "fast"'),
        (("rate: 10", "rate: '10'"), 'f.yaml:7:9: spec.rate: must be a finite number, got "10"'),
        (("rate: 10", "rate: yes"), "f.yaml:7:9: spec.rate: must be a finite number, got yes"),
        (("rate: 10", "rate: .inf"), "f.yaml:7:9: spec.rate: must be a finite number, got .inf"),
        (("rate: 10", "rate: [10]"), "f.yaml:7:9: spec.rate: must be a finite number, got a list"),
        (("rate: 10", "rate:"), "f.yaml:7:8: spec.rate: must be a finite number, got nothing"),
        (("  rate: 10\n", ""), "f.yaml:1:1: spec.rate: is missing"),
        (("slo_ms", "slo"), "f.yaml:8:3: spec.slo: no such field: did you mean slo_ms?"),
        (("slo_ms: 50", "slo_ms: 50\n  slo_ms: 60"), "f.yaml:9:3: spec.slo_ms: is given twice: keep one"),
        (("model: m", "model: M_1"), 'f.yaml:6:10: spec.model: "M_1" must be 1 to 63 lower-case letters'),
        (("model: m", "model: ''"), "f.yaml:6:10: spec.model: must not be empty"),
        (("model: m", "model: m\n  serve: half"), 'spec.serve: must be one of whole, tail, got "half"'),
        (
            ("model: m", "model: m\n  replicas: {min_hosts: -1}"),
            "f.yaml:7:25: spec.replicas.min_hosts: must be a whole number from 0 to 1000, got -1",
        ),
        (
            ("model: m", "model: m\n  replicas: {hosts: 2}"),
            "spec.replicas.hosts: no such field: did you mean min_hosts?",
        ),
        (("model: m", "model: m\n  replicas: {min_hosts: 2, minHosts: 2}"), "min_hosts is there too: leave one out"),
        (("model: m", "model: m\n  replicas: 2"), "spec.replicas: must be a mapping of fields, got 2"),
        (("model: m", "model: m\n  memory_mb: -1"), "spec.memory_mb: must be 0 MB or above, got -1"),
        (("model: m", "model: m\n  exclusive: 1"), "spec.exclusive: must be true or false, got 1"),
        (("model: m", "model: m\n  priority: high"), 'spec.priority: must be a finite number, got "high"'),
        (("model: m", "model: m\n  max_processes: 2.5"), "spec.max_processes: must be a whole number from 0 to 48"),
        (("model: m", "model: m\n  model_digest: latest"), 'spec.model_digest: must be "sha256:" and 64'),
        (("name: ocr", "name: ocr\n  labels: [a]"), "metadata.labels: must be a mapping of fields, got a list"),
        (
            ("kind: Workload", "kind: Model"),
            'kind: must be Workload, got "Model"; models go by `sliceplane model push`',
        ),
        (
            ("apiVersion: sliceplane.workload.v1\n", ""),
            "apiVersion: is missing: say apiVersion: sliceplane.workload.v1",
        ),
        (("v1", "v9"), 'apiVersion: must be sliceplane.workload.v1, got "sliceplane.workload.v9"'),
        (("spec:", "specs:"), "specs: no such field: did you mean spec?"),
        (("metadata:", "metadata: ["), "f.yaml:"),
        (("model: m", "model: m\n\tprofile: x"), "not YAML"),
    ],
)
def test_faults_are_told_with_place_and_way_out(change: tuple[str, str], fault: str) -> None:
    """Each fault of a document is one line with file, line, field and what would be right."""
    assert change[0] in FULL
    found = faults(FULL.replace(*change))
    assert any(line.startswith("f.yaml:") and fault in line for line in found), found


def test_all_faults_are_told_at_once() -> None:
    """Three faults in two documents make three lines."""
    assert len(faults(f"{FULL.replace('10', '-1').replace('50', '-2')}---\n{FULL.replace('name', 'nome')}")) == 4


@pytest.mark.parametrize("text", ["", "---\n---\n", "# nothing\n", "[]", "workloads: []"])
def test_a_file_without_workloads_is_a_fault(text: str) -> None:
    """Nothing to apply is said, not passed over."""
    assert faults(text) == ["f.yaml: holds no workload"]


def test_a_name_given_twice_is_a_fault_over_all_files() -> None:
    """The second of two workloads of one name is refused with the place of the first."""
    problems = read([("a.yaml", FULL), ("b.yaml", FULL)])[1]
    assert [str(one) for one in problems] == [
        'b.yaml:1:1: name: workload "ocr" is given twice, first at a.yaml:1: keep one'
    ]


def test_a_document_that_contains_itself_is_a_fault() -> None:
    """An alias cycle is refused in one line."""
    assert faults("&a [*a]") == ["f.yaml: is nested too deeply to be read"]


def test_half_a_surrogate_pair_is_a_fault() -> None:
    """A JSON escape that is no character is refused, where a whole pair is one."""
    text = '{"name": "a", "model": "m", "rate": 1, "slo_ms": 1, "labels": {"k": "%s"}}'
    assert faults(text % r"\ud83d") == ['f.yaml:1:69: labels.k: must be text, got "?"']
    assert read([("f", text % r"\ud83d\ude00")])[0][0].workload.labels == {"k": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("text", ["1e3", "1E+3", "1_000", "1000.0", "+1000"])
def test_numbers_may_be_written_as_people_do(text: str) -> None:
    """1e3 is a number, though YAML 1.1 calls it text."""
    found, problems = read([("f", FULL.replace("rate: 10", f"rate: {text}"))])
    assert (problems, found[0].workload.spec.rate) == ([], 1000.0)


def test_short_forms_are_the_same_workload() -> None:
    """A list, `workloads:` and a single mapping of the short fields read alike."""
    short = "{name: ocr, model: m, rate: 10, slo_ms: 50}"
    texts = [FULL, short, f"- {short}", f"workloads:\n- {short}"]
    assert len({repr(read([("f", text)])[0][0].workload) for text in texts}) == 1


def test_hosts_may_be_spelled_as_in_json() -> None:
    """`minHosts` is `min_hosts`; what stands on 0 is as if it were not said."""
    for replicas in ("{min_hosts: 2}", "{minHosts: 2}"):
        (document,) = read([("f", FULL.replace("model: m", f"model: m\n  replicas: {replicas}"))])[0]
        assert document.workload.spec.min_hosts == 2
    nothing = "model: m\n  replicas: {}\n  memory_mb: 0\n  exclusive: false"
    assert read([("f", FULL.replace("model: m", nothing))])[0][0].workload == read([("f", FULL)])[0][0].workload


def test_places_are_those_of_the_fields() -> None:
    """The place of a field is its line; that of an absent field is its document's."""
    document = read([("f", f"---\n{FULL}")])[0][0]
    assert (document.place("spec.rate"), document.place("spec.profile")) == ("f:8", "f:2")


def test_offline_names_may_be_anything() -> None:
    """With any_names a model may be named as its profile file is."""
    text = "- {name: ResNet 50, model: ResNet_50, rate: 10, slo_ms: 50}"
    assert read([("f", text)], any_names=True)[0][0].workload.spec.model == "ResNet_50"
    assert len(read([("f", text)])[1]) == 2
