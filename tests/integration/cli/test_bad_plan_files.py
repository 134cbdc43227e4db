"""`sliceplane plan` on files that cannot be used: exit 2 and one line with file, place, what, and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli, Ran

HEADER = "model,mig_size,batch,processes,segment_items_per_s,latency_ms"
ROW = "net,1,8,1,100,20"
GOOD = f"{HEADER}\n{ROW}\n"
WORKLOADS = "- {name: a, model: net, slo_ms: 100, rate: 10}\n"


def _row(**changes: str) -> bytes:
    names = HEADER.split(",")
    cells = dict(zip(names, ROW.split(","), strict=True)) | changes
    return f"{HEADER}\n{','.join(cells[name] for name in names)}\n".encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty; begin with a header"),
        (f"{HEADER}\n".encode(), "no row holds a measurement"),
        (_row(segment_items_per_s="N/A"), ":2: segment_items_per_s: is 0 or N/A, but the other figure is not"),
        (_row(segment_items_per_s=""), ":2: segment_items_per_s: is empty; write N/A"),
        (_row(segment_items_per_s="-5"), ":2: segment_items_per_s: must not be negative, got -5"),
        (_row(segment_items_per_s="0"), ":2: segment_items_per_s: is 0 or N/A, but the other figure is not"),
        (_row(segment_items_per_s="nan"), ":2: segment_items_per_s: must be a plain number"),
        (_row(latency_ms="inf"), ":2: latency_ms: must be a plain number"),
        (_row(mig_size="5"), ":2: mig_size: no GPU has a size of 5 GPCs; sizes are 1, 2, 3, 4 and 7"),
        (_row(mig_size="1g.10gb"), ":2: mig_size: write the GPCs alone: 1 for 1g.10gb"),
        (_row(latency_ms="20ms"), ":2: latency_ms: must be a plain number such as 12.5, no unit"),
        (f"{ROW}\n".encode(), ":1: is no header but data; begin with a header such as model,mig_size"),
        (_row(batch="8.5"), ":2: batch: must be a whole number"),
        (f"{GOOD}{ROW}\n".encode(), ":3: mig_size: 1g, batch 8, processes 1 was measured before"),
        (f"{HEADER}\nnet,1,8\n".encode(), ":2: has 3 cells, and the header 6"),
        (GOOD.replace(",", ";").encode(), ":1: cells are parted by ';'; write commas between them"),
        (GOOD.replace("segment_items_per_s", "speed").encode(), ":1: speed: unknown column"),
        (GOOD.replace("net", "nét").encode("latin-1"), "is not UTF-8: save it as UTF-8 text"),
        (bytes(range(256)), "is not UTF-8"),
    ],
)
def test_profiles(cli: Cli, tmp_path: Path, content: bytes, said: str) -> None:
    """By file, line and column."""
    file = tmp_path / "p.csv"
    file.write_bytes(content)
    _refused(cli("plan", "--profiles", file, "--workloads", "-", stdin=WORKLOADS), f"{file}", said)


@pytest.mark.parametrize("content", [f"\ufeff{GOOD}", GOOD.replace("\n", "\r\n"), GOOD.rstrip("\n")])
def test_marks_of_other_systems_are_no_faults(cli: Cli, tmp_path: Path, content: str) -> None:
    """A byte order mark, CRLF, a last line without its end."""
    file = tmp_path / "p.csv"
    file.write_bytes(content.encode())
    assert cli("plan", "--profiles", file, "--workloads", "-", stdin=WORKLOADS).code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no workload"),
        ("[]", "holds no workload"),
        ("- {name: a", ":1:11: not YAML"),
        ("[" * 3000, "is nested too deeply"),
        ("- {name: a, model: net, slo_ms: fast, rate: 1}", ':1:33: slo_ms: must be a finite number, got "fast"'),
        ("- {name: a, model: net, slo: 3, slo_ms: 5, rate: 1}", ":1:25: slo: no such field: did you mean slo_ms?"),
        ("- {name: a, model: net, slo_ms: 5, rate: -1}", ":1:42: rate: must be above 0 requests per second, got -1"),
        ("- {name: a, model: net, slo_ms: 5, rate: .nan}", ":1:42: rate: must be a finite number"),
        (WORKLOADS * 2, ':2:1: name: workload "a" is given twice, first at'),
    ],
)
def test_workloads(cli: Cli, tmp_path: Path, text: str, said: str) -> None:
    """By file, line, column and field."""
    (tmp_path / "p.csv").write_text(GOOD)
    file = tmp_path / "w.yaml"
    file.write_text(text)
    _refused(cli("plan", "--profiles", tmp_path / "p.csv", "--workloads", file), f"{file}", said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model,mig_size,batch\nnet,1,8\n", ":1: processes: missing from the header"),
        ("model,mig_size,batch,processes\nnet,x,8,1\n", ":2: mig_size: must be a whole number above 0, got 'x'"),
    ],
)
def test_lists_of_suspect_rows(cli: Cli, tmp_path: Path, text: str, said: str) -> None:
    """By file, line and column."""
    (tmp_path / "p.csv").write_text(GOOD)
    file = tmp_path / "s.csv"
    file.write_text(text)
    arguments = ("plan", "--profiles", tmp_path / "p.csv", "--workloads", "-", "--suspect-rows", file)
    _refused(cli(*arguments, stdin=WORKLOADS), f"{file}", said)


def _refused(ran: Ran, file: str, said: str) -> None:
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1), ran.err
    assert file in ran.err
    assert said in ran.err
