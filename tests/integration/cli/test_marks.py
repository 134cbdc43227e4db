"""Cordon, uncordon, pin and unpin as a user types them, against a fake of the API."""

from __future__ import annotations

import pytest

from protos.sliceplane.fleet.v1 import fleet_pb2
from tests.fakes.api_state import ApiState
from tests.integration.cli.conftest import Cli


@pytest.fixture
def marked(api: ApiState, fake: str) -> str:
    """Two hosts, three GPUs, two segments."""
    for node, index in (("a", 0), ("a", 1), ("b", 0)):
        api.gpus.append(fleet_pb2.Gpu(uuid=f"GPU-{node}{index}", node=node, index=index, schedulable=True))
    for name in ("seg-1", "seg-2"):
        api.segments[name] = fleet_pb2.Segment(id=name, node="a")
    return fake


def test_gpus_are_cordoned_by_name_uuid_or_node(cli: Cli, marked: str, api: ApiState) -> None:
    """One line for each; what was so already is said."""
    assert cli("cordon", "a/0", "--server", marked).out == "gpu/a/0 cordoned\n"
    done = cli("cordon", "node/a", "GPU-b0", "gpu/a/1", "--server", marked)
    assert done.out == "gpu/a/0 was cordoned already\ngpu/a/1 cordoned\ngpu/b/0 cordoned\n"
    assert all(gpu.cordoned for gpu in api.gpus)
    assert cli("uncordon", "a/1", "--server", marked).out == "gpu/a/1 uncordoned\n"
    assert cli("uncordon", "a/1", "--server", marked).out == "gpu/a/1 was not cordoned\n"
    assert [gpu.cordoned for gpu in api.gpus] == [True, False, True]


def test_segments_are_pinned_by_the_beginning_of_their_id(cli: Cli, marked: str, api: ApiState) -> None:
    """As `get segments` finds them; the wide table shows it."""
    assert cli("pin", "seg-1", "--server", marked).out == "segment/seg-1 pinned\n"
    assert cli("pin", "segment/seg-1", "--server", marked).out == "segment/seg-1 was pinned already\n"
    assert api.segments["seg-1"].pinned
    assert "PINNED" in cli("get", "segments", "-o", "wide", "--server", marked).out
    assert cli("unpin", "seg-1", "seg-2", "--server", marked).out == (
        "segment/seg-1 unpinned\nsegment/seg-2 was not pinned\n"
    )


def test_nothing_is_marked_where_one_name_is_wrong(cli: Cli, marked: str, api: ApiState) -> None:
    """A line for each name that is not there, exit 1, and the others are left as they were."""
    done = cli("cordon", "a/0", "c", "a/7", "--server", marked)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 2
    assert 'no GPU "c"' in done.err
    assert not any(gpu.cordoned for gpu in api.gpus)
    assert cli("pin", "seg", "--server", marked).code == 1
    assert cli("pin", "--server", marked).code == 2
