"""What the agent asks of the Gpus port, on the fake and on NVML: real nvidia-ml-py over the simulated library."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import Conflict, SliceplaneError, Unavailable
from node_agent.model import Fault, Instance, SegmentSpec, Serve
from node_agent.nvml import Nvml
from node_agent.ports import Gpus
from simulator import host
from tests.fakes.node_host import FakeGpus, Host

pytestmark = pytest.mark.contract


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A simulated host of two A100s."""
    host.load_library()
    monkeypatch.setenv("SLICEPLANE_SIM_STATE", str(tmp_path / "host"))
    host.create(tmp_path / "host", gpus=2)
    return tmp_path / "host"


@pytest.fixture
def nvml(folder: Path) -> Iterator[Nvml]:
    """An NVML session on it."""
    session = Nvml()
    yield session
    session.close()


@pytest.fixture(params=["fake", "nvml"])
def gpus(request: pytest.FixtureRequest) -> Gpus:
    """Both implementations of the port."""
    return FakeGpus(Host()) if request.param == "fake" else request.getfixturevalue("nvml")


def spec(gpus: Gpus, start: int = 0, gpcs: int = 1, slices: int = 1, gpu: int = 0) -> SegmentSpec:
    """A segment on one of the GPUs."""
    uuid = gpus.observe()[gpu].uuid
    return SegmentSpec("a", uuid, start, gpcs, slices, "w", f"sha256:{'a' * 64}", Serve.WHOLE, 1, 1, 0)


def test_an_empty_host_offers_the_a100s_profiles(gpus: Gpus) -> None:
    """Two healthy GPUs without instances, each profile once, by its shape, with its legal starts."""
    seen = gpus.observe()
    assert [(gpu.index, gpu.healthy, gpu.mig_enabled, gpu.instances) for gpu in seen] == [
        (0, True, True, ()),
        (1, True, True, ()),
    ]
    shapes = {(p.gpcs, p.memory_slices): p.starts for p in seen[0].profiles}
    assert shapes == {
        (1, 1): (0, 1, 2, 3, 4, 5, 6),
        (1, 2): (0, 2, 4, 6),
        (2, 2): (0, 2, 4),
        (3, 4): (0, 4),
        (4, 4): (0,),
        (7, 8): (0,),
    }
    assert len(seen[0].profiles) == len(shapes)
    assert gpus.driver_version() == "550.54.15"


@pytest.mark.parametrize(("start", "gpcs", "slices"), [(0, 7, 8), (4, 3, 4), (2, 2, 2), (6, 1, 1), (6, 1, 2)])
def test_an_instance_stands_where_it_was_asked_for(gpus: Gpus, start: int, gpcs: int, slices: int) -> None:
    """It is made at its very start, with its own device; making it again finds it; destroying it twice is fine."""
    wanted = spec(gpus, start, gpcs, slices)
    gi = gpus.create_instance(wanted)
    assert gpus.observe()[0].instances == (Instance(gi, start, gpcs, slices),)
    assert gpus.observe()[1].instances == ()
    made = gpus.create_compute(wanted, gi)
    assert made[1].startswith("MIG-")
    assert (gpus.create_instance(wanted), gpus.create_compute(wanted, gi)) == (gi, made)
    gpus.destroy(wanted, gi)
    gpus.destroy(wanted, gi)
    assert gpus.observe()[0].instances == ()


def test_neighbours_are_left(gpus: Gpus) -> None:
    """Making and destroying beside an instance leaves it and its device as they were."""
    stays = spec(gpus, 4, 3, 4)
    gi = gpus.create_instance(stays)
    device = gpus.create_compute(stays, gi)
    beside = spec(gpus, 0, 4, 4)
    other = gpus.create_instance(beside)
    gpus.create_compute(beside, other)
    gpus.destroy(beside, other)
    assert gpus.create_compute(stays, gi) == device
    assert gpus.observe()[0].instances == (Instance(gi, 4, 3, 4),)


def test_an_id_given_again_is_not_ours(gpus: Gpus) -> None:
    """Destroying what is long gone leaves the instance that got its id since."""
    gone = spec(gpus, 0)
    gi = gpus.create_instance(gone)
    gpus.destroy(gone, gi)
    theirs = gpus.create_instance(spec(gpus, 3))
    assert theirs == gi
    gpus.destroy(gone, gi)
    assert gpus.observe()[0].instances == (Instance(gi, 3, 1, 1),)


@pytest.mark.parametrize(("start", "gpcs", "slices"), [(1, 2, 2), (0, 3, 3), (0, 5, 5), (7, 1, 1), (0, 1, 1)])
def test_what_cannot_be_made_is_an_error(gpus: Gpus, start: int, gpcs: int, slices: int) -> None:
    """An illegal start, a shape that there is not, a slice that is taken: an error of the closed set, nothing made."""
    taken = spec(gpus, 0, 2, 2)
    gi = gpus.create_instance(taken)
    with pytest.raises(SliceplaneError):
        gpus.create_instance(spec(gpus, start, gpcs, slices))
    assert gpus.observe()[0].instances == (Instance(gi, 0, 2, 2),)


def test_unknown_gpu(gpus: Gpus) -> None:
    """A GPU that the host does not have is Unavailable."""
    with pytest.raises(Unavailable):
        gpus.create_instance(replace(spec(gpus), gpu_uuid="GPU-none"))


def test_in_use_names_the_holders_and_the_rest_goes_on(folder: Path, nvml: Nvml) -> None:
    """Destroying an instance that a monitor holds is a Conflict, its compute instance gone already; later it succeeds
    (DCGM #276)."""
    wanted = spec(nvml)
    gi = nvml.create_instance(wanted)
    nvml.create_compute(wanted, gi)
    host.inject(folder, 0, "gi-in-use=1")
    with pytest.raises(Conflict, match="in use"):
        nvml.destroy(wanted, gi)
    assert len(nvml.observe()[0].instances) == 1
    nvml.destroy(wanted, gi)
    assert nvml.observe()[0].instances == ()


def test_renamed_profiles_are_found_by_their_shape(folder: Path, nvml: Nvml) -> None:
    """A driver that calls 3g.40gb 3g.39gb is used all the same (mig-parted #31)."""
    host.inject(folder, 0, "renamed")
    assert nvml.create_instance(spec(nvml, 4, 3, 4)) >= 0
    names = {profile.name for profile in Nvml.observe(nvml)[0].profiles}
    assert any(name.startswith("3g.") for name in names)


def _until(nvml: Nvml, fault: Fault) -> str:
    """Looks until GPU 0 has that fault; its message. The other GPU must stay well."""
    for _ in range(40):
        ill, well = nvml.observe()
        assert well.healthy
        if ill.fault is fault:
            assert ill.healthy is (fault is Fault.NONE)
            return ill.message
        nvml._closing.wait(0.1)
    raise AssertionError(f"no {fault!r}: {ill}")


def test_lost_gpu_is_ill_until_it_is_back(folder: Path, nvml: Nvml) -> None:
    """A lost GPU keeps its name and is ill, its neighbour is not; once it answers again it is well."""
    before = nvml.observe()[0]
    host.inject(folder, 0, "gpu-lost")
    assert "reset or replace" in _until(nvml, Fault.LOST)
    lost = nvml.observe()[0]
    assert (lost.uuid, lost.product, lost.index) == (before.uuid, before.product, 0)
    with pytest.raises(Unavailable):
        nvml.create_instance(spec(nvml))
    nvml._closing.wait(0.7)  # its XID event is heard, too
    host.inject(folder, 0, "gpu-back")
    assert _until(nvml, Fault.NONE) == ""


@pytest.mark.parametrize(("xid", "fault"), [(79, Fault.XID), (48, Fault.XID), (13, Fault.NONE), (31, Fault.NONE)])
def test_xid_errors(folder: Path, nvml: Nvml, xid: int, fault: Fault) -> None:
    """An XID error of the GPU takes it out of placement and is named; one of an application does not."""
    nvml.observe()
    host.inject(folder, 0, f"xid={xid}")
    if fault is Fault.NONE:
        nvml._closing.wait(1.0)
    message = _until(nvml, fault)
    assert (str(xid) in message) is (fault is Fault.XID)


@pytest.mark.parametrize(("change", "fault"), [("mig-off", Fault.MIG_OFF), ("mig-pending", Fault.MIG_PENDING)])
def test_mig_mode_is_a_precondition(folder: Path, nvml: Nvml, change: str, fault: Fault) -> None:
    """A GPU out of MIG mode is ill and says how to get it there (gpu-operator #1606)."""
    host.inject(folder, 0, change)
    assert "nvidia-smi" in _until(nvml, fault)
    assert not nvml.observe()[0].mig_enabled


def test_gpu_without_mig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that cannot be split is reported, ill, beside one that can (dra-driver #1092)."""
    host.load_library()
    host.create(tmp_path / "mixed", product=["Tesla T4", host.PRODUCT])
    monkeypatch.setenv("SLICEPLANE_SIM_STATE", str(tmp_path / "mixed"))
    session = Nvml()
    t4, a100 = session.observe()
    session.close()
    assert (t4.fault, t4.healthy, t4.product) == (Fault.NO_MIG, False, "Tesla T4")
    assert a100.healthy


def test_gpu_that_is_lost_from_the_start_has_no_name(folder: Path) -> None:
    """What NVML could never identify is not reported as a GPU, but is told as a condition."""
    host.inject(folder, 0, "gpu-lost")
    session = Nvml()
    lost, well = session.observe()
    session.close()
    assert (lost.identified, lost.healthy, well.identified, well.healthy) == (False, False, True, True)


def test_no_driver_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where NVML does not start, the error says what to check."""
    host.load_library()
    monkeypatch.setenv("SLICEPLANE_SIM_STATE", str(tmp_path / "nothing"))
    assert os.environ["SLICEPLANE_SIM_STATE"]
    with pytest.raises(Unavailable, match="driver"):
        Nvml()
