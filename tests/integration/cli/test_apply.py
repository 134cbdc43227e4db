"""`apply` and `delete`, on the fake API and on the real controller."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
import yaml

from tests.integration.cli.conftest import Cli, Ran

TWO = """\
- {{name: {0}-a, model: {0}, slo_ms: 200, rate: 10}}
- {{name: {0}-b, model: {0}, slo_ms: 200, rate: {1}}}
"""


@pytest.fixture
def model(cli: Cli, server: str, onnx_file: Path) -> str:
    """A pushed model of a name of its own."""
    name = f"m{uuid.uuid4().hex[:8]}"
    pushed = cli("model", "push", name, onnx_file, "--server", server)
    assert pushed.code == 0, pushed.err
    return name


def names(cli: Cli, server: str) -> set[str]:
    return set(cli("get", "workloads", "-o", "name", "--server", server).out.split())


def error_line(ran: Ran, code: int) -> str:
    """The one error line of a run that ended with `code` and printed nothing else."""
    assert ran.code == code, ran
    assert ran.out == ""
    lines = ran.err.splitlines()
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("error: ")
    return lines[0]


def test_apply_creates_then_changes_nothing(cli: Cli, server: str, model: str) -> None:
    """The first apply creates, the same one again leaves everything as it is."""
    for outcome in ("created", "unchanged"):
        ran = cli("apply", "-f", "-", "--server", server, stdin=TWO.format(model, 5))
        assert (ran.code, ran.out.split()) == (0, [f"workload/{model}-a", outcome, f"workload/{model}-b", outcome])
    assert names(cli, server) >= {f"workload/{model}-a", f"workload/{model}-b"}


def test_what_get_prints_can_be_applied_again(cli: Cli, server: str, model: str) -> None:
    """YAML and JSON of a workload, status and etag included, round-trip through apply."""
    cli("apply", "-f", "-", "--server", server, stdin=TWO.format(model, 5))
    for output in ("yaml", "json"):
        printed = cli("get", "workload", f"{model}-a", f"{model}-b", "-o", output, "--server", server).out
        ran = cli("apply", "-f", "-", "--server", server, stdin=printed)
        assert (ran.code, ran.out.count("unchanged")) == (0, 2), ran


def test_a_stale_etag_is_one_line_and_changes_nothing(cli: Cli, server: str, model: str) -> None:
    """Applying what was read before somebody else's change is refused, naming the line of the etag."""
    cli("apply", "-f", "-", "--server", server, stdin=TWO.format(model, 5))
    read = yaml.safe_load(cli("get", "wl", f"{model}-b", "-o", "yaml", "--server", server).out)
    cli("apply", "-f", "-", "--server", server, stdin=TWO.format(model, 6))
    read["spec"]["rate"] = 99
    text = yaml.safe_dump(read)
    line = error_line(cli("apply", "-f", "-", "--server", server, stdin=text), 1)
    at = next(number for number, one in enumerate(text.splitlines(), 1) if "etag:" in one)
    assert line.startswith(f'error: -:{at}: workload "{model}-b" has changed')
    now = json.loads(cli("get", "wl", f"{model}-b", "-o", "json", "--server", server).out)
    assert now["spec"]["rate"] == 6


def test_an_unknown_model_stops_all_documents(cli: Cli, server: str, model: str) -> None:
    """If the server would refuse the second document, the first is not stored either."""
    text = TWO.format(model, 5).replace(
        f"model: {model}, slo_ms: 200, rate: 5", "model: nobody-has-it, slo_ms: 9, rate: 5"
    )
    line = error_line(cli("apply", "-f", "-", "--server", server, stdin=text), 1)
    assert line.startswith("error: -:2: workload")
    assert '"nobody-has-it"' in line
    assert not names(cli, server) & {f"workload/{model}-a", f"workload/{model}-b"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("rate: 5", "rate: -5"), "-:2:{column}: rate: must be above 0 requests per second, got -5"),
        (("rate: 5", "rates: 5"), "no such field: did you mean rate?"),
        (("rate: 5", "rate: .nan"), "must be a finite number, got .nan"),
        (("rate: 5}", "rate: 5"), "not YAML"),
    ],
)
def test_bad_documents_are_refused_before_anything_is_sent(
    cli: Cli, server: str, model: str, change: tuple[str, str], said: str
) -> None:
    """A fault in the second document is told with its place, and the first document is not stored."""
    text = TWO.format(model, 5).replace(*change)
    ran = cli("apply", "-f", "-", "--server", server, stdin=text)
    assert ran.code == 2
    column = text.splitlines()[1].find("-5") + 1
    assert said.format(column=column) in ran.err
    assert all(line.startswith("error: -:") for line in ran.err.splitlines())
    assert not names(cli, server) & {f"workload/{model}-a", f"workload/{model}-b"}


def test_a_repeated_request_id_is_answered_as_the_first_was(cli: Cli, server: str, model: str) -> None:
    """The same request twice says "created" twice and makes one change."""
    request_id = str(uuid.uuid4())
    for _ in range(2):
        ran = cli("apply", "-f", "-", "--request-id", request_id, "--server", server, stdin=TWO.format(model, 5))
        assert (ran.code, ran.out.count("created")) == (0, 2), ran
    now = json.loads(cli("get", "wl", f"{model}-a", "-o", "json", "--server", server).out)
    assert now["metadata"]["generation"] == 1


def test_dry_run_stores_nothing(cli: Cli, server: str, model: str) -> None:
    """--dry-run says what would happen and leaves the store as it was."""
    ran = cli("apply", "-f", "-", "--dry-run", "--server", server, stdin=TWO.format(model, 5))
    assert (ran.code, ran.out.count("created (dry run)")) == (0, 2), ran
    assert not names(cli, server) & {f"workload/{model}-a"}


def test_folders_are_read_in_order(cli: Cli, server: str, model: str, tmp_path: Path) -> None:
    """A folder's YAML and JSON files are applied, other files are not looked at."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.json").write_text(json.dumps([{"name": f"{model}-j", "model": model, "slo_ms": 5, "rate": 1}]))
    (tmp_path / "d" / "a.yml").write_text(TWO.format(model, 5))
    (tmp_path / "d" / "notes.txt").write_text("not: a workload")
    ran = cli("apply", "-f", tmp_path / "d", "--server", server)
    assert [line.split()[0] for line in ran.out.splitlines()] == [f"workload/{model}-{x}" for x in "abj"]


def test_delete_checks_all_before_the_first(cli: Cli, server: str, model: str) -> None:
    """One unknown name among several deletes none; --ignore-not-found deletes the others."""
    cli("apply", "-f", "-", "--server", server, stdin=TWO.format(model, 5))
    line = error_line(cli("delete", "workload", f"{model}-a", "gone", "--server", server), 1)
    assert line == 'error: there is no workload "gone"'
    assert f"workload/{model}-a" in names(cli, server)
    ran = cli("delete", "wl", f"{model}-a", f"workload/{model}-b", "gone", "--ignore-not-found", "--server", server)
    assert ran.code == 0
    assert not names(cli, server) & {f"workload/{model}-a", f"workload/{model}-b"}


def test_delete_by_file(cli: Cli, server: str, model: str, tmp_path: Path) -> None:
    """delete -f removes what apply -f of the same file created."""
    file = tmp_path / "w.yaml"
    file.write_text(TWO.format(model, 5))
    cli("apply", "-f", file, "--server", server)
    ran = cli("delete", "-f", file, "--server", server)
    assert (ran.code, ran.out.count("deleted")) == (0, 2)


def test_a_model_is_pushed_once_and_pulled_whole(cli: Cli, server: str, model: str, onnx_file: Path) -> None:
    """The same bytes again are "unchanged"; what is pulled equals what was pushed."""
    again = cli("model", "push", model, onnx_file, "--server", server)
    assert again.out.startswith(f"model/{model} unchanged sha256:")
    target = onnx_file.with_name("back.onnx")
    assert cli("model", "pull", model, target, "--server", server).code == 0
    assert target.read_bytes() == onnx_file.read_bytes()
    assert not target.with_name("back.onnx.part").exists()


def test_profiles_are_imported_and_shown(cli: Cli, server: str, tmp_path: Path) -> None:
    """A profile of our own CSV is stored under its model's name with all of its points."""
    file = tmp_path / "p.csv"
    name = f"p{uuid.uuid4().hex[:8]}"
    header = "model,mig_size,batch,processes,segment_items_per_s,latency_ms"
    file.write_text(f"{header}\n{name},1,8,1,100,20\n{name},2,8,1,210,10\n")
    ran = cli("profiles", "import", file, "--server", server)
    assert (ran.code, ran.out) == (0, f"profile/{name} imported (2 points)\n"), ran
    shown = json.loads(cli("get", "profile", name, "-o", "json", "--server", server).out)
    assert [point["throughput"] for point in shown["points"]] == [100, 210]
    file.write_text(f"{header}\n{name},1,8,1,-3,20\n")
    bad = error_line(cli("profiles", "import", file, "--server", server), 2)
    assert f"{file}:2: segment_items_per_s" in bad
