"""Making simulated hosts, and their command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator import host


def _uuids(folder: Path) -> list[str]:
    return re.findall(r"uuid=(GPU-\S+)", host.status(folder))


def test_create(tmp_path: Path) -> None:
    """A host has as many GPUs as asked for, each with a UUID of its own and MIG mode on."""
    host.create(tmp_path / "h", gpus=3)
    assert len(set(_uuids(tmp_path / "h"))) == 3
    assert host.status(tmp_path / "h").count(" mig=1 mig_pending=1 ") == 3


def test_uuids_differ_between_hosts_and_come_again(tmp_path: Path) -> None:
    """Two hosts have other GPUs; a host of the same seed has the same ones."""
    for name, seed in (("a", None), ("b", None), ("c", "rack-1"), ("d", "rack-1")):
        host.create(tmp_path / name, seed=seed)
    assert not set(_uuids(tmp_path / "a")) & set(_uuids(tmp_path / "b"))
    assert _uuids(tmp_path / "c") == _uuids(tmp_path / "d")


def test_products(tmp_path: Path) -> None:
    """Products may differ from GPU to GPU, be named without the maker, and a board without MIG never has it on."""
    host.create(tmp_path / "h", product=["A100-PCIE-40GB", "Tesla T4"])
    first, second = (line for line in host.status(tmp_path / "h").splitlines() if line.startswith("gpu "))
    assert first.endswith("name=NVIDIA A100-PCIE-40GB")
    assert " memory_mb=40960 mig_capable=1 mig=1 " in first
    assert " mig_capable=0 mig=0 " in second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"product": "B17"}, 'unknown product "B17"'),
        ({"gpus": 0}, "1 to 16 GPUs, not 0"),
        ({"gpus": 17}, "1 to 16 GPUs, not 17"),
    ],
)
def test_impossible_hosts(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    """A host that cannot be is refused with the reason, and nothing is made."""
    with pytest.raises(ValueError, match=message):
        host.create(tmp_path / "h", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "h" / "host.state").exists()


def test_a_host_is_not_overwritten(tmp_path: Path) -> None:
    """Making a host where one is fails, and leaves it."""
    host.create(tmp_path / "h", gpus=1)
    with pytest.raises(ValueError, match="holds a host already"):
        host.create(tmp_path / "h", gpus=2)
    assert len(_uuids(tmp_path / "h")) == 1


def test_no_host(tmp_path: Path) -> None:
    """A folder without a host is said to have none, and how to make one."""
    with pytest.raises(ValueError, match="create"):
        host.status(tmp_path)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Create, fault and status print the host for human eyes."""
    folder = str(tmp_path / "h")
    assert host.main([folder, "create", "--gpus", "1", "--product", "A100-SXM4-40GB"]) == 0
    assert "NVIDIA A100-SXM4-40GB" in capsys.readouterr().out
    assert host.main([folder, "fault", "--gpu", "0", "gi-in-use", "3"]) == 0
    assert "gi_in_use=3" in capsys.readouterr().out
    assert host.main([folder, "fault", "gpu-lost"]) == 0
    assert host.main([folder, "status"]) == 0
    assert "MIG on  lost=1 gi_in_use=3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create"], "holds a host already"),
        (["fault", "rust"], 'unknown fault "rust": choose one of gpu-lost'),
        (["fault", "xid"], 'unknown fault "xid"'),
        (["fault", "--gpu", "9", "gpu-lost"], "no GPU 9 on this host"),
        (["run"], "run wants a command"),
    ],
)
def test_command_line_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """What it does not understand ends with 2 and one line that says why."""
    host.create(tmp_path / "h")
    assert host.main([str(tmp_path / "h"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's programs and library come first, what was on the paths stays; unbuilt, it says what to do."""
    with pytest.raises(FileNotFoundError, match="make install"):
        host.environment(tmp_path / "h", build=tmp_path)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libnvidia-ml.so.1").touch()
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    assert host.environment(tmp_path / "h", build=tmp_path) == {
        "PATH": f"{tmp_path}/bin:/usr/bin",
        "LD_LIBRARY_PATH": f"{tmp_path}/lib",
        "SLICEPLANE_SIM_STATE": str(tmp_path / "h"),
    }
