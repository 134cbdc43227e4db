"""Faults as changes of the state's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import faults, host, view
from simulator.state import read, value_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A host of two GPUs with an instance on each."""
    host.create(tmp_path / "h", gpus=2)
    with (tmp_path / "h" / "host.state").open("a") as file:
        for gpu in (0, 1):
            file.write(f"gi gpu={gpu} id=3 profile=14 start=2 slices=2 serial={gpu + 1}\n")
            file.write(f"ci gpu={gpu} gi=3 id=0 profile=1 start=0 gpcs=2 uuid=MIG-{gpu} serial={gpu + 3}\n")
    return tmp_path / "h"


def _gpu(folder: Path, index: int) -> str:
    return next(line for line in read(folder) if line.startswith(f"gpu {index} "))


@pytest.mark.parametrize(
    ("fault", "name", "value"),
    [
        ("gpu-lost", "lost", "1"),
        ("gpu-back", "lost", "0"),
        ("gi-in-use=4", "gi_in_use", "4"),
        ("ci-fail=2", "ci_fail", "2"),
        ("delay-ms=30", "delay_ms", "30"),
        ("renamed", "renamed", "1"),
        ("mig-off", "mig", "0"),
        ("mig-pending", "mig_pending", "1"),
    ],
)
def test_a_fault_sets_its_field(folder: Path, fault: str, name: str, value: str) -> None:
    """Each fault changes its field of its GPU, and nothing of the other GPU."""
    before = _gpu(folder, 0)
    faults.inject(folder, 1, fault)
    assert value_of(_gpu(folder, 1), name) == value
    assert _gpu(folder, 0) == before


def test_reset_takes_the_pending_mode_and_the_instances(folder: Path) -> None:
    """A reset makes the pending mode current, finds a lost GPU again, and ends that GPU's instances only."""
    faults.inject(folder, 0, "mig-pending")
    assert value_of(_gpu(folder, 0), "mig") == "0"
    faults.inject(folder, 0, "gpu-lost")
    faults.inject(folder, 0, "reset")
    assert [value_of(_gpu(folder, 0), name) for name in ("mig", "mig_pending", "lost")] == ["1", "1", "0"]
    assert [line.split()[1] for line in read(folder) if line.startswith(("gi ", "ci "))] == ["gpu=1", "gpu=1"]


def test_losing_a_gpu_is_an_xid_error(folder: Path) -> None:
    """A GPU that falls off the bus says XID 79, after those that came before."""
    faults.inject(folder, 1, "xid=48")
    faults.inject(folder, 1, "gpu-lost")
    assert read(folder)[-2:] == ["event number=1 gpu=1 xid=48", "event number=2 gpu=1 xid=79"]


@pytest.mark.parametrize("fault", ["", "xid=-1", "gpu-lost=1", "gi-in-use", "delay-ms=soon"])
def test_unknown_faults_change_nothing(folder: Path, fault: str) -> None:
    """What is no fault is refused with the choices, and the state stays."""
    before = read(folder)
    with pytest.raises(ValueError, match="choose one of gpu-lost"):
        faults.inject(folder, 0, fault)
    assert read(folder) == before


def test_view(folder: Path) -> None:
    """The view draws each instance's slices and names its MIG device."""
    faults.inject(folder, 0, "mig-pending")
    shown = view.of_host(folder, read(folder)).splitlines()
    assert "MIG off, on after a reset" in shown[0]
    assert shown[2] == "  start 2  [..##....]  GI 3  profile 14  2 GPC MIG-1"
