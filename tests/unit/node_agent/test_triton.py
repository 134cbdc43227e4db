"""How Triton is started and what its model repository holds, of a segment that one workload has and of a shared one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from common.errors import InvalidArgument
from node_agent import triton
from node_agent.model import SegmentSpec, Serve, Tenant, Unit
from tests.onnx_files import identity, sha256

CONTENTS = {"u": identity(("n", 3)), "v": identity(("n", 5)), "w": identity((1, 2))}
ALONE = SegmentSpec("a", "GPU-0", 0, 1, 1, "u", sha256(CONTENTS["u"]), Serve.WHOLE, 4, 1, 100)
TENANTS = tuple(Tenant(name, sha256(CONTENTS[name]), 2 << rank, 64**rank) for rank, name in enumerate("uvw"))
SHARED = replace(ALONE, workload="group", model_digest="", max_queue_delay_us=0, tenants=TENANTS)


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    """The files as the cache has them, by workload."""
    found = {name: tmp_path / sha256(content)[7:] for name, content in CONTENTS.items()}
    for name, path in found.items():
        path.write_bytes(CONTENTS[name])
    return found


def _flags(spec: SegmentSpec) -> list[str]:
    return triton.command(spec, Unit(1, 2, 3), Path("/repository"), "127.0.0.1", 10.0)


def _config(folder: Path) -> model_config_pb2.ModelConfig:
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def test_only_a_shared_segment_has_the_limiter() -> None:
    """Its Triton has one unit of one resource; a workload alone needs none."""
    more = set(_flags(SHARED)) - set(_flags(ALONE))
    assert more == {"--rate-limit=execution_count", "--rate-limit-resource=segment:1"}


async def test_repository_of_a_shared_segment(tmp_path: Path, models: dict[str, Path]) -> None:
    """Each tenant's model is there under its workload's name, with its batch and priority; twice is once."""
    for _ in range(2):
        repository = await triton.lay_out(SHARED, models, tmp_path)
        assert sorted(folder.name for folder in repository.iterdir()) == ["u", "v", "w"]
    configs = [_config(repository / name) for name in "uvw"]
    assert [config.max_batch_size for config in configs] == [2, 4, 0]  # the last has no batch axis
    assert [config.instance_group[0].rate_limiter.priority for config in configs] == [1, 64, 64**2]
    assert [(repository / name / "1" / "model.onnx").read_bytes() for name in "uvw"] == [*CONTENTS.values()]


async def test_repository_of_a_workload_alone(tmp_path: Path, models: dict[str, Path]) -> None:
    """It holds that model, which no limiter holds up."""
    repository = await triton.lay_out(ALONE, models, tmp_path)
    assert [folder.name for folder in repository.iterdir()] == ["u"]
    assert not _config(repository / "u").instance_group[0].HasField("rate_limiter")


async def test_a_bad_file_is_its_tenants(tmp_path: Path, models: dict[str, Path]) -> None:
    """What cannot be served says whose it is, where there are several."""
    models["v"].write_bytes(b"no model at all")
    with pytest.raises(InvalidArgument, match=r'^tenant "v": model_digest: the model cannot be served'):
        await triton.lay_out(SHARED, models, tmp_path)
    with pytest.raises(InvalidArgument, match=r"^model_digest: the model cannot be served"):
        await triton.lay_out(ALONE, {"u": models["v"]}, tmp_path / "alone")
